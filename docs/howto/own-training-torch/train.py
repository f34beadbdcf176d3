"""A training loop of torch as one writes it anyway. Five lines know of Millrace; they are marked."""

import torch
from torch import nn


def main(job):
    torch.manual_seed(job.seed)
    x, y = (
        torch.from_numpy(job.matrix()),
        torch.from_numpy(job.target()),
    )  # 1: the rows of the training window
    device = "cuda" if torch.cuda.is_available() else "cpu"
    mean, spread = y.mean(), y.std()
    net = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    net.to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=job.params.get("rate", 1e-3))
    rows = torch.utils.data.TensorDataset(x, ((y - mean) / spread)[:, None])
    loader = torch.utils.data.DataLoader(rows, batch_size=256, shuffle=True)
    first = 0
    if job.resume():  # 2: go on where it was killed
        kept = torch.load(job.resume(), map_location=device)
        net.load_state_dict(kept["net"])
        optimiser.load_state_dict(kept["optimiser"])
        first = kept["epoch"] + 1
    for epoch in range(first, int(job.params.get("epochs", 20))):
        total = 0.0
        for inputs, wanted in loader:
            loss = nn.functional.mse_loss(net(inputs.to(device)), wanted.to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(inputs)
        job.report(epoch, loss=total / len(x))  # 3: how far it is
        torch.save({"net": net.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch}, "state.pt")
        job.checkpoint("state.pt", epoch)  # 4: what to go on from
    whole = nn.Sequential(net.cpu(), Unscaled(mean, spread)).eval()
    torch.onnx.export(
        whole, (x[:1],), "model.onnx", input_names=["x"], output_names=["prediction"],
        dynamic_axes={"x": {0: "N"}, "prediction": {0: "N"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    with torch.no_grad():
        job.export("model.onnx", whole(x[:500]))  # 5: the model, and what it answers


class Unscaled(nn.Module):
    """Back to the unit of the target."""

    def __init__(self, mean, spread):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)

    def forward(self, scaled):
        return scaled * self.spread + self.mean
