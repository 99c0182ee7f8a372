"""What the tokens of a lowered layer mean: masks of one counter each."""

from __future__ import annotations

from simulators.program import EXECUTE_ENGINE, LOAD_ENGINE, STORE_ENGINE, VECTOR_ENGINE, mask, token

# An input tile, a weight tile for the array; sums for the vector unit; and their buffers' slots coming back.
ACT_READY, ACT_FREE = mask(token(LOAD_ENGINE, EXECUTE_ENGINE, 0)), mask(token(EXECUTE_ENGINE, LOAD_ENGINE, 0))
WEIGHT_READY, WEIGHT_FREE = mask(token(LOAD_ENGINE, EXECUTE_ENGINE, 1)), mask(token(EXECUTE_ENGINE, LOAD_ENGINE, 1))
SUMS_READY, SUMS_FREE = mask(token(EXECUTE_ENGINE, VECTOR_ENGINE, 0)), mask(token(VECTOR_ENGINE, EXECUTE_ENGINE, 0))
# Parameters and operands that the vector unit reads itself.
PARAMETER_READY, PARAMETER_FREE = mask(token(LOAD_ENGINE, VECTOR_ENGINE, 0)), mask(token(VECTOR_ENGINE, LOAD_ENGINE, 0))
OPERAND_READY, OPERAND_FREE = mask(token(LOAD_ENGINE, VECTOR_ENGINE, 1)), mask(token(VECTOR_ENGINE, LOAD_ENGINE, 1))
# A row of biases for each sum (`Tiling.bias`): there; the array done with the tile before; its sums taken.
BIAS_READY, BIAS_DONE = mask(token(LOAD_ENGINE, EXECUTE_ENGINE, 2)), mask(token(EXECUTE_ENGINE, LOAD_ENGINE, 2))
BIAS_FREE = mask(token(VECTOR_ENGINE, LOAD_ENGINE, 2))
# Outputs on their way to memory, and tensors copied without work.
OUT_READY, OUT_FREE = mask(token(VECTOR_ENGINE, STORE_ENGINE, 0)), mask(token(STORE_ENGINE, VECTOR_ENGINE, 0))
COPY_READY, COPY_FREE = mask(token(LOAD_ENGINE, STORE_ENGINE, 0)), mask(token(STORE_ENGINE, LOAD_ENGINE, 0))
