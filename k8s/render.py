"""Writes the chart's default rendering into k8s/base, for those who use kustomize and no Helm.

`python -m k8s.render HELM` with the path of a Helm 3 or 4; `make k8s-render` knows one.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts" / "millrace"
TARGET = ROOT / "k8s" / "base" / "millrace.yaml"
NAMESPACE = "millrace"
HEAD = """\
# The chart millrace with its default values, rendered by `make k8s-render`; a test keeps it fresh. Do not edit it:
# change the chart, or put a patch into an overlay. The resource definition stands in k8s/crds.yaml.
"""


def rendered(helm: Path) -> str:
    """What k8s/base/millrace.yaml should hold: no hooks, and nothing that says Helm owns it."""
    command = [helm, "template", "millrace", CHART, "--namespace", NAMESPACE, "--no-hooks"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.replace(
        "app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kustomize"
    )
    kept = [
        line for line in lines.splitlines() if not line.lstrip().startswith(("# Source:", "helm.sh/chart:"))
    ]
    return HEAD + "\n".join(line.rstrip() for line in kept) + "\n"


def main() -> None:
    """Write the file."""
    TARGET.write_text(rendered(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
