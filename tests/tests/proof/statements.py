"""Prints in-toto statements as the in-toto project's own library reads them.

Arguments: URLs of statements, as a registry has them. Output: a JSON list, one object for each.
"""

import json
import sys
import urllib.request

from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import STATEMENT_TYPE_URI, Statement

TEST_RESULT = "https://in-toto.io/attestation/test-result/"


def statement(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        message = json_format.Parse(answer.read(), statement_pb2.Statement())
    # BuildKit writes the type of the version before, whose members are the same.
    written = message.type
    message.type = STATEMENT_TYPE_URI
    read = Statement.copy_from_pb(message)
    read.validate()
    predicate = json_format.MessageToDict(read.pb.predicate)
    if read.pb.predicate_type.startswith(TEST_RESULT):
        # Members that the predicate does not have are an error.
        json_format.ParseDict(predicate, test_result_pb2.TestResult())
    return {
        "type": written,
        "predicate_type": read.pb.predicate_type,
        "subjects": [dict(subject.digest) for subject in read.pb.subject],
        "predicate": predicate,
    }


print(json.dumps([statement(url) for url in sys.argv[1:]]))
