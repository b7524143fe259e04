"""The Python client as it is: what it does is one JSON object on standard output."""

import json
import sys

from kubernetes import client, config, watch
from kubernetes.client.rest import ApiException

namespace = sys.argv[1]
config.load_kube_config()
core = client.CoreV1Api()
done = {}
body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="python"), data={"colour": "green"})
core.create_namespaced_config_map(namespace, body)
done["read"] = core.read_namespaced_config_map("python", namespace).data["colour"]
core.patch_namespaced_config_map("python", namespace, {"data": {"colour": "red"}})
listed = core.list_namespaced_config_map(namespace, field_selector="metadata.name=python")
done["listed"] = [item.data["colour"] for item in listed.items]
watching = watch.Watch()
done["watched"] = []
for event in watching.stream(
    core.list_namespaced_config_map, namespace, field_selector="metadata.name=python", timeout_seconds=20
):
    done["watched"].append(event["type"])
    if event["type"] == "DELETED":
        watching.stop()
    elif len(done["watched"]) == 1:
        core.delete_namespaced_config_map("python", namespace)
try:
    core.list_namespaced_secret(namespace)
except ApiException as refused:
    done["refused"] = [refused.status, json.loads(refused.body)["message"]]
print(json.dumps(done))
