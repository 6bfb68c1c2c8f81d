/** A round of `certify` with what comes after it: a new certificate is taken up, and so is one that was not taken up before. */
import { type Fault, ok, type Result } from '@zonewright/common/result';
import { type Deploy, isUndeployed, markDeployed, markUndeployed } from './deploy.ts';
import { type CertificateRequest, type Effort, type Obtained, obtain } from './obtain.ts';

/** Runs one round. Where `deploy` fails, that is the fault, and the certificate is in its file all the same. */
export async function round(
  wanted: CertificateRequest,
  effort: Effort,
  deploy: Deploy | undefined,
): Promise<Result<Obtained, Fault>> {
  if (deploy === undefined) return obtain(wanted, effort);
  const { certificateFile } = wanted;
  const obtained = await obtain(wanted, { ...effort, beforeWrite: () => markUndeployed(certificateFile) });
  if (!obtained.ok || !(await isUndeployed(certificateFile))) return obtained;
  effort.say('running the deploy hook');
  const deployed = await deploy(effort.signal);
  if (!deployed.ok) return deployed;
  await markDeployed(certificateFile);
  return ok(obtained.value);
}
