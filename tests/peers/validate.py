#!/usr/bin/env python3
"""Validates a CycloneDX 1.6 document strictly against its schema: validate.py BOM.json"""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
if error:
    print(str(error)[:2000])
sys.exit(bool(error))
