// Signs a file as `cosign sign --key` would, in the Sigstore client's own bundle: `sign.mjs FILE KEY.key BUNDLE`.
import { readFileSync, writeFileSync } from 'node:fs';
import { createPrivateKey, createPublicKey, createHash, sign } from 'node:crypto';
import { toDSSEBundle, bundleToJSON } from '@sigstore/bundle';
const [component, keyFile, out] = process.argv.slice(2);
const key = createPrivateKey(readFileSync(keyFile));
const hex = createHash('sha256').update(readFileSync(component)).digest('hex');
const statement = { _type: 'https://in-toto.io/Statement/v1', subject: [{ digest: { sha256: hex } }], predicateType: 'https://sigstore.dev/cosign/sign/v1', predicate: {} };
const artifact = Buffer.from(JSON.stringify(statement)), artifactType = 'application/vnd.in-toto+json';
const pae = Buffer.concat([Buffer.from(`DSSEv1 ${artifactType.length} ${artifactType} ${artifact.length} `), artifact]);
const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', pae, key);
const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
const keyHint = createHash('sha256').update(spki).digest('base64');
const bundle = toDSSEBundle({ artifact, artifactType, signature, keyHint });
writeFileSync(out, JSON.stringify(bundleToJSON(bundle)));
