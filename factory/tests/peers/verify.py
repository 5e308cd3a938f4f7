"""Checks the envelope of a bundle with in-toto's own library: verify.py BUNDLE PUBLIC_KEY"""

import json
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

bundle, pem = sys.argv[1:]
envelope = json.load(open(bundle))["dsseEnvelope"]
# The library wants to know which signature is whose.
key = SSlibKey.from_crypto(load_pem_public_key(open(pem, "rb").read()), keyid="release")
for signature in envelope["signatures"]:
    signature["keyid"] = "release"
Envelope.from_dict(envelope).verify([key], 1)
