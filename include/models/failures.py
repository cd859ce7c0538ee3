"""What can go wrong while a network computes and is no fault of the network: memory runs out, the GPU is gone."""

import torch

_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")
_LOST_GPU = ("cuda error", "cudnn_status", "cublas_status", "cuda driver", "no cuda gpus")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, on the GPU or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def is_lost_gpu(error: Exception) -> bool:
    """Whether an error says that the GPU no longer computes."""
    return isinstance(error, torch.AcceleratorError) or any(words in str(error).lower() for words in _LOST_GPU)
