"""A team's own PostgreSQL in a namespace of its own, beside the release: rows come from there and answers go there."""

import json
from dataclasses import dataclass

from tests.cluster.kube import Kubernetes
from tests.cluster.release import ENFORCED, RESTRICTED

NAME, NAMESPACE, USER = "db", "shop", "shop"
PASSWORD = "tiger-4711-lily"
URI = f"postgresql://{USER}@{NAME}.{NAMESPACE}:5432/{USER}"
WHOLE = f"postgresql://{USER}:{PASSWORD}@{NAME}.{NAMESPACE}:5432/{USER}"
EGRESS = [
    {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}],
        "ports": [{"port": 5432}],
    }
]
"""What the chart's networkPolicy.sources has to say."""
TABLE = "CREATE TABLE sales (id bigint PRIMARY KEY, size float8, texture float8, kind text, target int)"
ROWS = """INSERT INTO sales SELECT g, 8 + g * 37 % 100 * 0.12, 15 + g * 53 % 100 * 0.08, substr('abc', 1 + g % 3, 1),
    (8 + g * 37 % 100 * 0.12 + g * 71 % 100 * 0.02 + 2 * (g % 3) > 17)::int FROM generate_series({}, {}) g"""


@dataclass
class Shop:
    """The database, and what is in it."""

    kube: Kubernetes
    tag: str

    def install(self) -> None:
        """A pod under restricted security, ready to be asked."""
        self.kube.namespace(NAMESPACE, **ENFORCED)
        self.kube.apply(json.dumps(_service()), NAMESPACE)
        self.kube.apply(json.dumps(_pod(self.tag)), NAMESPACE)
        self.kube.kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "-n", NAMESPACE, "--timeout=120s")

    def ask(self, statement: str) -> str:
        """What psql prints, bare."""
        told = 'PGPASSWORD=$POSTGRES_PASSWORD exec psql -h 127.0.0.1 -U shop -d shop -qtA -v ON_ERROR_STOP=1 -c "$1"'
        return self.kube.kubectl(
            "exec", "-n", NAMESPACE, NAME, "--", "sh", "-c", told, "psql", statement
        ).strip()

    def remove(self) -> None:
        self.kube.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def secret(name: str, **keys: str) -> str:
    """A Secret as a manifest."""
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": keys})


def _service() -> dict[str, object]:
    spec = {"selector": {"app": NAME}, "ports": [{"port": 5432}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": spec}


def _pod(tag: str) -> dict[str, object]:
    environment = {
        "POSTGRES_USER": USER,
        "POSTGRES_PASSWORD": PASSWORD,
        "MILLRACE_DATABASES": USER,
        "PGDATA": "/data/pgdata",
    }
    container = {
        "name": "main",
        "image": f"docker.io/millrace/postgres:{tag}",
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "securityContext": RESTRICTED,
        "readinessProbe": {
            "exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", USER]},
            "periodSeconds": 1,
        },
        "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in ("data", "tmp")],
    }
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": name, "emptyDir": {}} for name in ("data", "tmp")],
    }
    metadata = {"name": NAME, "labels": {"app": NAME}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
