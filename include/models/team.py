"""The processes that train one network together, each on its part of every batch."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one of several processes that train one network takes of each batch."""

    rank: int = 0
    n_processes: int = 1

    def of(self, n_images: int) -> slice:
        """Return which images of a batch it takes; the parts differ by one image at most."""
        start, end = (n_images * rank // self.n_processes for rank in (self.rank, self.rank + 1))
        return slice(start, end)


@dataclass(frozen=True, kw_only=True)
class Team:
    """One process among those that train one network; `torch.distributed` is ready if it is not the only one."""

    share: Share = Share()

    @property
    def is_first(self) -> bool:
        """Whether it is the one that measures and keeps checkpoints."""
        return self.share.rank == 0

    def joined(self, model: nn.Module) -> nn.Module:
        """Return a model that all start alike and whose gradients are the mean of all, or the model itself."""
        if self.share.n_processes == 1:
            return model
        from torch.nn.parallel import DistributedDataParallel  # seconds that one process alone need not pay

        return DistributedDataParallel(model)

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a number over all processes."""
        if self.share.n_processes > 1:
            torch.distributed.all_reduce(value)
        return value

    def has_same_weights(self, model: nn.Module) -> bool:
        """Whether a model has the same weights in all processes; only the first one's running statistics count."""
        if self.share.n_processes == 1:
            return True
        own = torch.cat([parameter.detach().flatten() for parameter in model.parameters()]).view(torch.int32)
        least, most = own.clone(), own.clone()
        torch.distributed.all_reduce(least, torch.distributed.ReduceOp.MIN)
        torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
        return torch.equal(least, most)


ALONE = Team()
