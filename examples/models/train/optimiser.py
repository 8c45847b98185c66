"""Muon (orthogonalised momentum) for matrices, AdamW for the rest."""
import torch


def orthogonal(gradient, steps=5):
    """Newton-Schulz: the nearest orthogonal matrix, roughly."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = gradient / (gradient.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * (square @ square)) @ x
    return x.T if tall else x


class Optimiser:
    def __init__(self, model, matrix_rate, rest_rate):
        named = list(model.named_parameters())
        is_matrix = lambda name, weight: weight.dim() == 2 and "embedding" not in name
        self.matrices = [weight for name, weight in named if is_matrix(name, weight)]
        self.momenta = [torch.zeros_like(weight) for weight in self.matrices]
        # Steps of an embedding that the model multiplies are as much smaller.
        shares = lambda name: model.shape.dim**-0.5 if model.shape.gemma and "embedding" in name else 1
        self.rest = torch.optim.AdamW(
            [{"params": [weight], "share": shares(name)} for name, weight in named if not is_matrix(name, weight)],
            lr=rest_rate,
            betas=(0.9, 0.97),
            weight_decay=0.0,
        )
        self.matrix_rate, self.rest_rate = matrix_rate, rest_rate

    @torch.no_grad()
    def step(self, share):
        """One step at `share` of the rates."""
        for group in self.rest.param_groups:
            group["lr"] = self.rest_rate * share * group["share"]
        self.rest.step()
        rate = self.matrix_rate * share
        for weight, momentum in zip(self.matrices, self.momenta):
            if weight.grad is None:
                continue
            momentum.mul_(0.95).add_(weight.grad)
            update = orthogonal(weight.grad.add(momentum, alpha=0.95))
            weight.mul_(1 - rate * 0.05)
            weight.add_(update, alpha=-rate * max(1, weight.shape[0] / weight.shape[1]) ** 0.5)
            weight.grad = None
        self.rest.zero_grad()

    def state(self):
        return {"momenta": self.momenta, "rest": self.rest.state_dict()}

    def restore(self, state):
        for momentum, saved in zip(self.momenta, state["momenta"]):
            momentum.copy_(saved)
        self.rest.load_state_dict(state["rest"])
