"""The training loop of ../own-training-torch for several workers: torch.distributed as torchrun sets it up.

Lines marked DDP are what makes it distributed; the five lines of Millrace are the same.
"""

import os

import torch
from torch import distributed, nn
from torch.distributed.algorithms.join import Join
from torch.nn.parallel import DistributedDataParallel


def main(job):
    torch.manual_seed(job.seed)
    with_gpu = torch.cuda.is_available()
    place = int(os.environ["LOCAL_RANK"])
    device = torch.device("cuda", place) if with_gpu else torch.device("cpu")
    distributed.init_process_group("nccl" if with_gpu else "gloo")  # DDP
    x, y = (
        torch.from_numpy(job.matrix()),
        torch.from_numpy(job.target()),
    )  # 1: this worker's share of the rows
    mean, spread = scale(y, device)
    net = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    optimiser, first = None, 0
    kept = (
        torch.load(job.resume(), map_location="cpu") if job.resume() else None
    )  # 2: all go on from worker 0's
    if kept:
        net.load_state_dict(kept["net"])
    shared = DistributedDataParallel(net.to(device), device_ids=[place] if with_gpu else None)  # DDP
    optimiser = torch.optim.AdamW(shared.parameters(), lr=job.params.get("rate", 1e-3))
    if kept:
        optimiser.load_state_dict(kept["optimiser"])
        first = kept["epoch"] + 1
    rows = torch.utils.data.TensorDataset(x, ((y - mean) / spread)[:, None])
    each = int(job.params.get("batch", 256)) // job.world_size  # DDP: as many rows a step as one worker takes
    for epoch in range(first, int(job.params.get("epochs", 20))):
        order = torch.Generator().manual_seed(job.seed + epoch)
        loader = torch.utils.data.DataLoader(rows, batch_size=each, shuffle=True, generator=order)
        total = torch.zeros(2, device=device)
        with Join([shared]):  # DDP: shares may differ by a row, and so by a step
            for inputs, wanted in loader:
                loss = nn.functional.mse_loss(shared(inputs.to(device)), wanted.to(device))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += torch.tensor([loss.item() * len(inputs), len(inputs)], device=device)
        distributed.all_reduce(total)  # DDP: the loss of all rows
        job.report(epoch, loss=float(total[0] / total[1]))  # 3: how far it is; worker 0 is heard
        if job.rank == 0:
            torch.save(
                {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}, "state.pt"
            )
            job.checkpoint("state.pt", epoch)  # 4: what to go on from
    if job.rank == 0:
        export(
            job, nn.Sequential(net.cpu(), Unscaled(mean, spread)).eval(), x
        )  # 5: the model, and what it answers
    distributed.destroy_process_group()  # DDP


def scale(y, device):
    """Mean and standard deviation of all workers' rows."""
    sums = torch.stack([torch.tensor(float(len(y))), y.sum(), (y.double() ** 2).sum()]).double().to(device)
    distributed.all_reduce(sums)
    count, total, squares = sums.cpu()
    mean = total / count
    return mean.float(), (squares / count - mean**2).sqrt().float()


def export(job, whole, x):
    torch.onnx.export(
        whole, (x[:1],), "model.onnx", input_names=["x"], output_names=["prediction"],
        dynamic_axes={"x": {0: "N"}, "prediction": {0: "N"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    with torch.no_grad():
        job.export("model.onnx", whole(x[:500]))


class Unscaled(nn.Module):
    """Back to the unit of the target."""

    def __init__(self, mean, spread):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, scaled):
        return scaled * self.spread + self.mean
