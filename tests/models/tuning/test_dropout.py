"""Dropout by hash: the right share, no pattern, the same units however the batch is cut or padded."""

import itertools

import numpy as np
import pytest
import torch

from tithe.models.tuning.dropout import HashDropout, Moment, install, kept

SHARE = 0.1


def mask(seed=1, step=0, site=0, shape=(32, 20, 64), share=SHARE, first=0):
    key = torch.tensor(Moment(seed, step).key(site), dtype=torch.int32)
    return kept(key, *shape, share, first=first)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.5, 0.9])
def test_the_share_is_dropped_overall_and_along_each_axis(share):
    dropped = ~mask(share=share, shape=(64, 64, 64))
    assert abs(float(dropped.float().mean()) - share) < 0.003
    # A mean of 4,096 draws has a deviation of at most .0079; the largest of 64 lies within 4.5 of them.
    for axes in ((0, 1), (0, 2), (1, 2)):
        assert float((dropped.float().mean(dim=axes) - share).abs().max()) < 4.5 * (share * (1 - share) / 4096) ** 0.5


def test_masks_of_other_sites_steps_and_runs_are_independent():
    moments = itertools.product((1, 2), (0, 1, 2), (0, 1, 13))
    masks = np.stack([mask(*moment).numpy().ravel() for moment in moments]).astype(np.float32)
    related = np.corrcoef(masks) - np.eye(len(masks))
    assert np.abs(related).max() < 4.5 / masks.shape[1] ** 0.5


def test_rows_places_and_channels_are_independent():
    one = mask(shape=(64, 64, 64)).float().numpy()
    for axis in range(3):
        rows = np.moveaxis(one, axis, 0).reshape(64, -1)
        related = np.corrcoef(rows) - np.eye(64)
        assert np.abs(related).max() < 5 / 4096**0.5


def test_a_unit_does_not_depend_on_padding_or_on_how_a_batch_is_cut():
    whole = mask(shape=(32, 20, 64))
    assert torch.equal(mask(shape=(32, 35, 64))[:, :20], whole)
    assert torch.equal(mask(shape=(12, 20, 64), first=20), whole[20:])


def test_units_that_stay_are_scaled_up_and_their_slopes_too():
    layer = HashDropout(0.25, 3, Moment(7)).train()
    x = torch.ones(8, 5, 16, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert set(np.unique(out.detach().numpy()).round(5)) == {0.0, np.float32(4 / 3).round(5)}
    assert torch.equal(x.grad, out.detach())
    assert torch.equal(layer.eval()(x), x)


def test_no_torch_dropout_stays_active_in_an_encoder(tiny):
    _, encoder, _ = tiny.pretrained()
    moment = Moment(5)
    assert install(encoder, SHARE, moment) == 1 + 2 * 2  # the embeddings, and two of each layer
    encoder.train()
    ids = torch.arange(5, 25).reshape(2, 10)

    def states():
        return encoder(input_ids=ids).last_hidden_state

    first = states()
    assert torch.equal(first, states())
    moment.step = 1
    assert not torch.equal(first, states())
    moment.step = 0
    encoder.eval()
    assert not torch.equal(first, states())


@pytest.mark.parametrize("kind", ["GPT2", "DistilBert", "Roberta", "Albert", "MPNet", "T5", "Electra"])
def test_other_architectures_are_deterministic_given_the_moment(kind):
    import transformers

    sizes = {
        "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 2},
        "DistilBert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
        "T5": {"d_model": 32, "num_layers": 2, "num_heads": 2, "d_ff": 64, "d_kv": 16},
    }.get(kind, {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64})
    if kind in ("Albert", "Electra"):
        sizes["embedding_size"] = 32
    config = getattr(transformers, f"{kind}Config")(vocab_size=40, **sizes)
    model = getattr(transformers, "T5EncoderModel" if kind == "T5" else f"{kind}Model")(config)
    moment = Moment(5)
    assert install(model, SHARE, moment) > 2
    model.train()
    ids = torch.arange(5, 25).reshape(2, 10)
    first = model(input_ids=ids).last_hidden_state
    assert torch.equal(first, model(input_ids=ids).last_hidden_state)
    moment.step = 1
    assert not torch.equal(first, model(input_ids=ids).last_hidden_state)
