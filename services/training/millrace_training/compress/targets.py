"""All targets by name, and which of them a loop's wishes mean on this machine."""

from collections.abc import Sequence

from millrace_contracts.variants import TargetName, Wish
from millrace_training.compress.gpu import OrtCudaFp16, TensorRtFp16, TensorRtInt8
from millrace_training.compress.openvino import OpenVinoFp32, OpenVinoInt8
from millrace_training.compress.ort_cpu import OrtCpuInt8
from millrace_training.compress.target import Target

ALL: dict[TargetName, Target] = {
    target.name: target
    for target in (
        OrtCpuInt8(), OpenVinoFp32(), OpenVinoInt8(), OrtCudaFp16(), TensorRtFp16(), TensorRtInt8(),
    )
}  # fmt: skip
"""Every target but the base form's own, which is always there."""


def chosen(wishes: Sequence[Wish]) -> tuple[list[Target], list[str]]:
    """The targets that are to be made, and why others are not even tried.

    `auto` means every target that can be measured here; one that is named is made in any case.
    """
    told, targets = [], []
    for name, target in ALL.items():
        lacking = None if name in wishes else target.lacking()
        if name in wishes or ("auto" in wishes and lacking is None):
            targets.append(target)
        elif "auto" in wishes:
            told.append(f"{name} is not tried: {lacking}")
    return targets, told
