// Verifies a bundle by a public key, as the Sigstore client of JavaScript does: `verify.mjs BUNDLE KEY.pub`.
import { readFileSync } from 'node:fs';
import { createPublicKey } from 'node:crypto';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
const [bundle, key] = process.argv.slice(2);
const parsed = bundleFromJSON(JSON.parse(readFileSync(bundle)));
const publicKey = createPublicKey(readFileSync(key));
const root = { mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1', tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] };
const finder = (hint) => ({ publicKey, validFor: () => true });
const verifier = new Verifier(toTrustMaterial(root, finder), { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
verifier.verify(toSignedEntity(parsed));
console.log('verified by @sigstore/verify');
