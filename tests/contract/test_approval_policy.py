"""A real API server lets nobody but approvers ask for less approval in a ModelLoop that is there.

Needs KUBECONFIG of a cluster in which resource definitions and admission policies may be made; run with `-m cluster`.
"""

import copy
import time
from pathlib import Path

import pytest

from millrace.crd import GROUP, PLURAL

from .kubectl import kubectl, least, needs_cluster, prepared

pytestmark = needs_cluster
CHART = Path(__file__).parents[2] / "charts" / "millrace-crds" / "templates"
ASKED = {"by": ["ada", "bob"], "of": 2, "within": "3d"}
WEAKER = {
    "none": None,
    "fewer": ASKED | {"of": 1},
    "others": ASKED | {"by": ["ada", "eve"]},
    "longer": ASKED | {"within": "30d"},
}
AS_MUCH = {"the same": ASKED, "the other way round": ASKED | {"by": ["bob", "ada"]}}


@pytest.fixture(scope="module")
def namespace(tmp_path_factory):
    with prepared(tmp_path_factory.mktemp("crd") / "crd.yaml") as name:
        kubectl("apply", "-f", str(CHART / "approval-policy.yaml"), expect=0)
        yield name


@pytest.fixture(scope="module")
def people(namespace):
    """Two accounts that may edit ModelLoops here; one of them may approve, too."""
    every = {"apiGroups": [GROUP], "resources": [PLURAL], "verbs": ["*"]}
    may = {"apiGroups": [GROUP], "resources": [f"{PLURAL}/approval"], "verbs": ["approve"]}
    users = {}
    for name, rules in {"editor": [every], "approver": [every, may]}.items():
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": name, "namespace": namespace},
            "rules": rules,
        }
        kubectl("create", "serviceaccount", name, "-n", namespace, expect=0)
        kubectl("apply", "-f", "-", document=role, expect=0)
        account = f"--serviceaccount={namespace}:{name}"
        kubectl("create", "rolebinding", name, "-n", namespace, f"--role={name}", account, expect=0)
        users[name] = f"--as=system:serviceaccount:{namespace}:{name}"
    return users


@pytest.fixture(scope="module")
def declared(namespace, people):
    """A loop that asks for approval; returned once the policy is at work, which takes an API server some seconds."""
    loop = least("guarded", namespace)
    loop["spec"]["gates"] = {"approval": ASKED}
    kubectl("apply", "-f", "-", document=loop, expect=0)
    for _ in range(60):
        code, _ = _apply(loop, None, people["editor"])
        if code != 0:
            return loop
        time.sleep(1)
    pytest.fail("the policy is not at work after a minute")


def _apply(loop, gate, who):
    changed = copy.deepcopy(loop)
    changed["spec"]["gates"] = {} if gate is None else {"approval": gate}
    return kubectl("replace", "--dry-run=server", "-f", "-", who, document=changed)


@pytest.mark.parametrize("what", WEAKER)
def test_less_is_asked_by_an_approver_alone(declared, people, what):
    code, said = _apply(declared, WEAKER[what], people["editor"])
    assert code != 0, said
    assert "only who may approve modelloops/approval" in said
    code, said = _apply(declared, WEAKER[what], people["approver"])
    assert code == 0, said


@pytest.mark.parametrize("what", AS_MUCH)
def test_an_editor_may_leave_it_as_it_is(declared, people, what):
    code, said = _apply(declared, AS_MUCH[what], people["editor"])
    assert code == 0, said


def test_all_rights_to_modelloops_are_no_right_to_approve(namespace, people):
    for name, answer in {"editor": "no", "approver": "yes"}.items():
        _, said = kubectl(
            "auth",
            "can-i",
            "approve",
            f"{PLURAL}.{GROUP}",
            "--subresource=approval",
            "-n",
            namespace,
            people[name],
        )
        assert said.split()[-1] == answer, said
