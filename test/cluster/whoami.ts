import { AuthenticationV1Api, type KubeConfig, type V1UserInfo } from "@kubernetes/client-node";

export async function whoami(config: KubeConfig): Promise<V1UserInfo> {
  const review = await config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
  return review.status?.userInfo ?? {};
}
