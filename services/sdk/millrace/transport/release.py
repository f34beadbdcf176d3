"""Finds Millrace in a cluster: its release among the Services, its door among the Ingresses, an account to go by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from millrace.transport.kube import Kube, KubeError, Manifest

LABELS = "app.kubernetes.io/name=millrace,app.kubernetes.io/component=registry"
USUAL = "millrace"
"""Where somebody who may not see every namespace looks for a release; also the name of a team's account."""
HIDDEN = (401, 403)


class NotFound(Exception):
    """There is no release, or no way to it; *mend* are lines for a person, of which one helps."""

    def __init__(self, message: str, *mend: str) -> None:
        super().__init__(message)
        self.mend = mend


@dataclass(frozen=True)
class Release:
    """A release by its namespace, its own name, and what its objects begin with."""

    namespace: str
    instance: str
    name: str


def find(kube: Kube, namespace: str | None = None) -> Release:
    """The one release of the cluster, or that of *namespace*. Raises: NotFound, KubeError."""
    found = [_release(service) for service in _services(kube, namespace)]
    if len(found) == 1:
        return found[0]
    where = f"the namespace {namespace}" if namespace else f"the cluster of {kube.context}"
    if not found:
        raise NotFound(
            f"Millrace is not in {where}.",
            "Another context:  millrace login --kube --context NAME",
            "To install it:  helm install millrace charts/millrace -n millrace --create-namespace",
        )
    names = sorted({item.namespace for item in found})
    raise NotFound(
        f"There are {len(found)} releases in {where}.",
        *(f"millrace login --kube --platform {name}" for name in names),
    )


def _services(kube: Kube, namespace: str | None) -> Sequence[Manifest]:
    """The registries' Services: everywhere, or where somebody who may not look everywhere usually finds one."""
    if namespace:
        return kube.services(LABELS, namespace)
    try:
        return kube.services(LABELS)
    except KubeError as error:
        if error.status not in HIDDEN:
            raise
    try:
        return kube.services(LABELS, USUAL)
    except KubeError as error:
        if error.status not in HIDDEN:
            raise
        raise NotFound(
            f"You may see no Services, neither of all namespaces nor of {USUAL}: {error}",
            "With the address of its door:  millrace login --kube --url https://HOST",
            "Or somebody who runs it lets you:  kubectl apply -f k8s/rbac/team.yaml",
        ) from error


def _release(service: Manifest) -> Release:
    meta = service["metadata"]
    instance = meta["labels"].get("app.kubernetes.io/instance", "")
    return Release(meta["namespace"], instance, str(meta["name"]).removesuffix("-registry"))


def door(kube: Kube, release: Release) -> str:
    """URL at which the release's door answers outside; empty if there is none that could be seen."""
    try:
        return next(iter(doors(kube.ingresses(release.namespace), release)), "")
    except KubeError as error:
        if error.status in (*HIDDEN, 404):
            return ""
        raise


def doors(ingresses: Iterable[Manifest], release: Release) -> list[str]:
    """URLs of the Ingresses that lead to the release's door, which knows the way to every service.

    Of those that speak TLS: a token is not sent in plain text over a network unless somebody names the URL.
    """
    return [
        f"https://{rule['host']}{way.get('path', '').rstrip('/')}"
        for ingress in ingresses
        for rule in ingress["spec"].get("rules") or []
        for way in (rule.get("http") or {}).get("paths") or []
        if rule.get("host")
        and _is_secured(ingress, rule["host"])
        and way["backend"].get("service", {}).get("name") == f"{release.name}-edge"
    ]


def _is_secured(ingress: Manifest, host: str) -> bool:
    secured = [name for item in ingress["spec"].get("tls") or [] for name in item.get("hosts") or [host]]
    return host in secured


def account(kube: Kube, release: Release) -> str:
    """The account, NAMESPACE/NAME, of which this person may make tokens: the team's in their namespace, or the admin's.

    Raises: NotFound, with what somebody could do about it; KubeError.
    """
    space, refusals = kube.namespace, []
    for named in (f"{space}/{USUAL}", f"{release.namespace}/{release.name}-admin"):
        try:
            kube.token(*named.split("/"))
            return named
        except KubeError as error:
            if error.status not in (*HIDDEN, 404):
                raise
            refusals.append(f"{named}: {error}")
    raise NotFound(
        f"You may make no token by which to show who you are ({'; '.join(refusals)}).",
        f"Somebody who may edit {space} makes the team an account:  kubectl create serviceaccount {USUAL} -n {space}",
        *rights(space, f"{space}:{USUAL}"),
        "With the token that your kubeconfig shows, if the platform takes it:  millrace login --kube --own-token",
    )


def rights(space: str, bound: str) -> list[str]:
    """The lines that give an account, NAMESPACE:NAME, the rights of an operator of the namespace's project."""
    role = "kubectl create rolebinding millrace-{0}s -n {1} --clusterrole=millrace-modelloops-{0} --serviceaccount={2}"
    return [role.format(verb, space, bound) for verb in ("edit", "view")]
