"""AdamW without the seconds that torch spends on a compiler we do not use."""

from collections.abc import Callable
from typing import Any

from torch.optim import AdamW


def _eager(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return what torch decorated so that `torch.compile` leaves it alone, or the method as it is if torch did not."""
    wrapped: Callable[..., Any] = getattr(method, "__wrapped__", method)
    return wrapped


class EagerAdamW(AdamW):
    """`torch.optim.AdamW`, the same numbers, for models that are not compiled.

    The first call of these four methods imports torch._dynamo, only to mark them for `torch.compile`: 4 to 8 s on two
    cores, as long as it takes to train on the digits.
    """

    add_param_group = _eager(AdamW.add_param_group)
    zero_grad = _eager(AdamW.zero_grad)
    state_dict = _eager(AdamW.state_dict)
    load_state_dict = _eager(AdamW.load_state_dict)
