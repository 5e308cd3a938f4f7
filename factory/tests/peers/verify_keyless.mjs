// Checks a keyless bundle with sigstore's own library: verify_keyless.mjs BUNDLE TRUSTED_ROOT IDENTITY ISSUER
import { readFileSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { Verifier, toSignedEntity, toTrustMaterial } from "@sigstore/verify";
import { TrustedRoot } from "@sigstore/protobuf-specs";

const [, , file, root, identity, issuer] = process.argv;
const json = (name) => JSON.parse(readFileSync(name, "utf8"));
const trusted = toTrustMaterial(TrustedRoot.fromJSON(json(root)));
const policy = { subjectAlternativeName: identity, extensions: { issuer } };
new Verifier(trusted).verify(toSignedEntity(bundleFromJSON(json(file))), policy);
