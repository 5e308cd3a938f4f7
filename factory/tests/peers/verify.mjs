// Checks a bundle with sigstore's own library: verify.mjs BUNDLE PUBLIC_KEY
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { Verifier, toSignedEntity, toTrustMaterial } from "@sigstore/verify";
import { TrustedRoot } from "@sigstore/protobuf-specs";

const [, , file, pem] = process.argv;
const bundle = bundleFromJSON(JSON.parse(readFileSync(file, "utf8")));
const publicKey = createPublicKey(readFileSync(pem, "utf8"));
const trusted = toTrustMaterial(TrustedRoot.fromJSON({}), () => ({ publicKey, validFor: () => true }));
const none = { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 };
new Verifier(trusted, none).verify(toSignedEntity(bundle));
