"""Does every faulty config.json get one clear line, and does no mutant of a good one do anything else?"""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path

import pytest

from tests.workloads.importers.huggingface_configs import CONFIGS
from tests.workloads.importers.huggingface_mutants import mutant
from workloads.errors import CodesignError
from workloads.importers.huggingface import import_huggingface
from workloads.importers.huggingface_fields import MOST_BYTES
from workloads.phase import Phase
from workloads.tracing import trace_network

LLAMA = CONFIGS["Llama-2-7b-hf"][0]
MISSING = object()
MUTANTS = 500
MOST_SECONDS = 5


def fault_of(folder: Path, text: str | bytes, phase: Phase | None = None) -> str:
    path = folder / "model.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CodesignError) as fault:
        import_huggingface(path, phase)
    return str(fault.value).replace(str(path), "FILE")


def changed(name: str, **changes) -> str:
    config = {**CONFIGS[name][0], **changes}
    return json.dumps({key: value for key, value in config.items() if value is not MISSING})


@pytest.mark.parametrize(("text", "message"), [
    ("", "FILE:1: not JSON: Expecting value (column 1)"),
    ("{\n \"hidden_size\": 4096,\n}", "FILE:3: not JSON: "),
    ("[1, 2]", "FILE: a JSON object is needed, not a list"),
    ("null", "FILE: a JSON object is needed, not null"),
    (b"\xff\xfe{}", "FILE: not UTF-8 text (byte 0)"),
    ("{}", "FILE: the key 'model_type' is missing"),
    ("[" * 100_000, "FILE: not a model's config.json: nested too deeply"),
    (b" " * (MOST_BYTES + 1), f"FILE: larger than {MOST_BYTES} bytes; not a model's config.json"),
    ('{"hidden_size": 1, "hidden_size": 2}', "FILE: key 'hidden_size' is given twice"),
    ('{"model_type": "llama", "hidden_size": ' + "9" * 5000 + "}", "FILE: "),
], ids=lambda value: repr(value[:16]))  # fmt: skip
def test_a_file_that_is_no_configuration(text, message, tmp_path):
    found = fault_of(tmp_path, text)
    assert found.startswith(message) and "\n" not in found


@pytest.mark.parametrize(("model", "changes", "message"), [
    ("Llama-2-7b-hf", {"model_type": "lama"}, "model_type: 'lama' is not supported; use bert, gpt2, llama, mistral, "
     "mixtral, opt, qwen2, qwen3, qwen3_moe, vit (did you mean 'llama'?)"),
    ("Llama-2-7b-hf", {"model_type": "a\nb\x1b[2J"}, "model_type: 'a\\nb\\x1b[2J' is not supported; use bert, gpt2, "
     "llama, mistral, mixtral, opt, qwen2, qwen3, qwen3_moe, vit"),
    ("Llama-2-7b-hf", {"hidden_size": MISSING, "hidden\nsize": 1}, "the key 'hidden_size' is missing (did you mean "
     "'hidden\\nsize'?)"),
    ("Llama-2-7b-hf", {"model_type": 7}, "model_type: 7 is not a string"),
    ("Llama-2-7b-hf", {"hidden_size": MISSING}, "the key 'hidden_size' is missing"),
    ("Llama-2-7b-hf", {"hidden_size": MISSING, "hiden_size": 4096}, "the key 'hidden_size' is missing (did you mean "
     "'hiden_size'?)"),
    ("Llama-2-7b-hf", {"hidden_size": None}, "hidden_size: null where a value is needed"),
    ("Llama-2-7b-hf", {"hidden_size": "4096"}, "hidden_size: '4096' is not a whole number"),
    ("Llama-2-7b-hf", {"hidden_size": 4096.0}, "hidden_size: 4096.0 is not a whole number"),
    ("Llama-2-7b-hf", {"hidden_size": True}, "hidden_size: true is not a whole number"),
    ("Llama-2-7b-hf", {"hidden_size": -4096}, "hidden_size: -4096 is not from 1 to 1048576"),
    ("Llama-2-7b-hf", {"hidden_size": 0}, "hidden_size: 0 is not from 1 to 1048576"),
    ("Llama-2-7b-hf", {"hidden_size": 10**30}, "hidden_size: 1" + "0" * 30 + " is not from 1 to 1048576"),
    ("Llama-2-7b-hf", {"hidden_size": [4096]}, "hidden_size: [4096] is not a whole number"),
    ("Llama-2-7b-hf", {"num_hidden_layers": 100_000}, "num_hidden_layers: 100000 is not from 1 to 256"),
    ("Llama-2-7b-hf", {"num_attention_heads": 33}, "33 attention heads do not divide the hidden size 4096"),
    ("Meta-Llama-3-8B", {"num_key_value_heads": 5}, "5 key-value heads do not divide the 32 attention heads"),
    ("Meta-Llama-3-8B", {"num_key_value_heads": 64}, "64 key-value heads do not divide the 32 attention heads"),
    ("Llama-2-7b-hf", {"hidden_act": "silo"}, "hidden_act: 'silo' is not supported; use gelu, gelu_fast, gelu_new, "
     "gelu_python, gelu_pytorch_tanh, quick_gelu, relu, silu, swish (did you mean 'silu'?)"),
    ("Llama-2-7b-hf", {"hidden_act": {}}, "hidden_act: {} is not a string"),
    ("Llama-2-7b-hf", {"torch_dtype": "int8"}, "torch_dtype: 'int8' is not supported; use auto, bfloat16, float16, "
     "float32"),
    ("Llama-2-7b-hf", {"tie_word_embeddings": "no"}, "tie_word_embeddings: 'no' is not true or false"),
    ("Llama-2-7b-hf", {"hidden_size": 1 << 20, "intermediate_size": 1 << 20, "num_hidden_layers": 256},
     "its sizes make about 1.97e+15 parameters; at most 7.04e+13 are read"),
    ("Mixtral-8x7B-v0.1", {"num_experts_per_tok": 9}, "9 experts a token are more than the 8 there are"),
    ("Qwen3-30B-A3B", {"mlp_only_layers": [0]}, "mlp_only_layers: [0]: all layers must have experts"),
    ("Qwen3-30B-A3B", {"decoder_sparse_step": 2}, "decoder_sparse_step: all layers must have experts (1)"),
    ("Llama-2-7b-hf", {"architectures": ["LlamaForSequenceClassification"]}, "architectures: "
     "'LlamaForSequenceClassification' is not supported; decoders are read with their language head (...ForCausalLM, "
     "...LMHeadModel)"),
    ("gpt2", {"n_embd": 770}, "12 attention heads do not divide the hidden size 770"),
    ("gpt2", {"add_cross_attention": True}, "add_cross_attention: true: cross-attention is not modelled"),
    ("gpt2", {"n_layer": MISSING}, "the key 'n_layer' is missing"),
    ("bert-base-uncased", {"num_attention_heads": 7}, "7 attention heads do not divide the hidden size 768"),
    ("bert-base-uncased", {"architectures": "BertModel"}, "architectures: 'BertModel' is not a list of strings"),
    ("bert-base-uncased", {"architectures": ["BertForQuestionAnswering"]}, "architectures: 'BertForQuestionAnswering' "
     "is not supported; use BertModel, BertForMaskedLM, BertForSequenceClassification"),
    ("bert-base-uncased", {"is_decoder": True}, "is_decoder: true: BERT is read as an encoder"),
    ("vit-base-patch16-224", {"patch_size": 15}, "image_size: 224 is not a multiple of patch_size 15, at most 16384"),
    ("vit-base-patch16-224", {"id2label": []}, "id2label: an object with a label for each class is needed"),
])  # fmt: skip
def test_a_faulty_field(model, changes, message, tmp_path):
    found = fault_of(tmp_path, changed(model, **changes))
    assert found == f"FILE: {message}"


@pytest.mark.parametrize(("model", "phase", "message"), [
    ("Llama-2-7b-hf", {"context": 5000}, "model: context = 5000 is more than the model's 4096 positions"),
    ("bert-base-uncased", {"name": "decode"}, "model: an encoder has no decode and no key-value cache"),
    ("bert-base-uncased", {"kv_format": "int8"}, "model: an encoder has no decode and no key-value cache"),
    ("vit-base-patch16-224", {"context": 8}, "FILE: context: vit reads an image and has no phases"),
])  # fmt: skip
def test_a_phase_that_the_model_lacks(model, phase, message, tmp_path):
    assert fault_of(tmp_path, changed(model), Phase(**phase)) == message


@pytest.mark.parametrize(("given", "message"), [
    ({"name": "decoding"}, "phase: 'decoding' is not a phase; use decode or prefill (did you mean 'decode'?)"),
    ({"context": 0}, "context = 0: use a whole number of tokens from 1 to 1048576"),
    ({"context": 2.5}, "context = 2.5: use a whole number of tokens from 1 to 1048576"),
    ({"context": True}, "context = True: use a whole number of tokens from 1 to 1048576"),
    ({"kv_format": "int6"}, "kv_format: 'int6' has 6 bits; use a format of 1, 2, 4, 8, 16 or 32 bits"),
])  # fmt: skip
def test_a_phase_that_is_none(given, message):
    with pytest.raises(CodesignError) as fault:
        Phase(**given)
    assert str(fault.value) == message


def test_an_unknown_cache_format_names_the_nearest():
    with pytest.raises(CodesignError, match=r"kv_format: 'fp17' is not a format.*did you mean 'fp16'"):
        Phase(kv_format="fp17")


def test_a_file_that_is_not_there():
    with pytest.raises(CodesignError, match=r"nowhere/config.json: No such file or directory"):
        import_huggingface("nowhere/config.json")


@pytest.mark.parametrize("part", range(5))
def test_mutants_are_read_or_refused_in_time(part, tmp_path):
    """Each of the mutants gives a network that can be traced, or our own error in one line."""
    read = refused = 0
    for seed in range(part * MUTANTS // 5, (part + 1) * MUTANTS // 5):
        path = tmp_path / "model.json"
        path.write_bytes(mutant(random.Random(seed)))
        try:
            with in_time():
                trace_network(import_huggingface(path, Phase("decode" if seed % 2 else "", 8 if seed % 3 else None)))
            read += 1
        except CodesignError as fault:
            refused += 1
            assert "\n" not in str(fault), seed
            assert len(str(fault)) < 1000, seed
    assert read > 5
    assert refused > 20


class in_time:
    """Fail what takes more than `MOST_SECONDS` of processor time."""

    def __enter__(self):
        def late(*_):
            raise AssertionError(f"more than {MOST_SECONDS} s")

        self.before = signal.signal(signal.SIGVTALRM, late)
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_SECONDS)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, self.before)
