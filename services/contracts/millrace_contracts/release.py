"""A release unit: files by role and variant, each known by its digest, registered, loaded and taken back together."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_serializer, model_validator

from millrace_contracts.names import Digest

Role = Literal["model", "holdout", "out-of-fold", "baseline", "code", "other"]
FileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Variant = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
BASE = "base"
"""The form in which training exports a graph."""


def is_base(variant: str) -> bool:
    """Whether it is the form that training exports; it is left out where it is told, as before there were others."""
    return variant == BASE


NAMES: dict[str, Role] = {
    "model.onnx": "model",
    "holdout.onnx": "holdout",
    "oof.parquet": "out-of-fold",
    "baseline.json": "baseline",
    "code.tar": "code",
}
"""What files of the base variant are called, and their roles."""


class ReleaseFile(BaseModel):
    """One file of a release unit."""

    model_config = ConfigDict(extra="forbid")

    role: Role = Field(description="model: answers; holdout: the same, before it saw the holdout; and so on.")
    variant: Variant = Field(default=BASE, description="Which form of it: base, or one made for a target.")
    name: FileName
    digest: Digest


class Files(BaseModel):
    """The files of a release unit: one for each role and variant; others have names of their own.

    In JSON a list; where the names alone tell the roles of base files, a mapping of names to digests, as before.
    Both are read; null is no file.
    """

    model_config = ConfigDict(extra="forbid")

    files: list[ReleaseFile] = Field(min_length=1, max_length=50)

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {"files": value}
        if isinstance(value, dict) and not isinstance(value.get("files"), list):
            return {"files": [_named(name, digest) for name, digest in value.items() if digest is not None]}
        return value

    @model_validator(mode="after")
    def _each_once(self) -> "Files":
        names = [file.name for file in self.files]
        places = [(file.role, file.variant) for file in self.files if file.role != "other"]
        if len(set(names)) < len(names) or len(set(places)) < len(places):
            raise ValueError("two files have the same name, or the same role and variant")
        return self

    @model_serializer
    def _told(self) -> dict[str, str] | list[dict[str, str]]:
        if all(file.model_dump() == _named(file.name, file.digest) for file in self.files):
            return self.by_name()
        return [file.model_dump() for file in self.files]

    @classmethod
    def of(cls, digests: dict[str, str]) -> "Files":
        """Files of the base variant from their digests by name."""
        return cls.model_validate(digests)

    def find(self, role: Role, variant: str = BASE) -> str | None:
        """Digest of the file of that role and variant, None if there is none."""
        return next((f.digest for f in self.files if f.role == role and f.variant == variant), None)

    def digest(self, role: Role, variant: str = BASE) -> str:
        """Digest of the file of that role and variant. Raises: KeyError that names what is missing."""
        digest = self.find(role, variant)
        if digest is None:
            raise KeyError(f"the release has no file of the role {role} and the variant {variant}")
        return digest

    def only(self, roles: Iterable[Role]) -> "Files":
        """Those of some roles. Raises: ValidationError if none is left."""
        wanted = set(roles)
        return Files(files=[file for file in self.files if file.role in wanted])

    def base(self) -> "Files":
        """Those of the base variant, which decisions depend on; other forms depend on what was measured."""
        return Files(files=[file for file in self.files if file.variant == BASE])

    def by_name(self) -> dict[str, str]:
        """Digests by name, as decisions tell them."""
        return {file.name: file.digest for file in self.files}


def _named(name: str, digest: str) -> dict[str, str]:
    return {"role": NAMES.get(name, "other"), "variant": BASE, "name": name, "digest": digest}
