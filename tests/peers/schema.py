#!/usr/bin/env python3
"""Validates an SPDX 2.3 document against the specification's own JSON schema: schema.py SCHEMA.json DOCUMENT.json"""

import json
import sys

from jsonschema.validators import validator_for

schema, document = (json.load(open(path)) for path in sys.argv[1:3])
validator = validator_for(schema)
validator.check_schema(schema)
faults = list(validator(schema, format_checker=validator.FORMAT_CHECKER).iter_errors(document))
for fault in faults[:10]:
    print(f"/{'/'.join(map(str, fault.absolute_path))}: {fault.message[:300]}")
sys.exit(bool(faults))
