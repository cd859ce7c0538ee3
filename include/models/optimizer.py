"""Optimizers without the seconds that torch spends on a compiler we do not use.

Torch decorates these methods so that `torch.compile` leaves them alone, and the first call of any of them imports
torch._dynamo for it: 4 to 8 s on two cores, as long as it takes to train on the digits. What is inside the decorators
does the work.
"""

import inspect

import torch
from torch.optim import LBFGS, AdamW


class EagerAdamW(AdamW):
    """`torch.optim.AdamW`, the same steps, for models that are not compiled."""

    add_param_group = inspect.unwrap(AdamW.add_param_group)
    zero_grad = inspect.unwrap(AdamW.zero_grad)
    state_dict = inspect.unwrap(AdamW.state_dict)
    load_state_dict = inspect.unwrap(AdamW.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(AdamW.step))  # a decorator took care of no_grad too


class EagerLBFGS(LBFGS):
    """`torch.optim.LBFGS`, the same steps, for functions that are not compiled."""

    add_param_group = inspect.unwrap(LBFGS.add_param_group)
    zero_grad = inspect.unwrap(LBFGS.zero_grad)
    step = torch.no_grad()(inspect.unwrap(LBFGS.step))
