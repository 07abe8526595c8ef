"""Checks of the settings, by themselves and against the amount of data.

Reads `Evidence`, feeds `examination.py`.
"""

from __future__ import annotations

from electra_keras.preflight.evidence import Evidence
from electra_keras.preflight.finding import Finding, judge, show_rate

# With fewer than ten batches an epoch, a step sees much of the data at once.
LARGE_BATCH_RATE = 0.1
# BERT saw its text about 40 times (Devlin et al. 2018, appendix A.2), which
# ELECTRA's repeat; more passes over the same text teach less and less.
MANY_EPOCHS = 40
# BERT and ELECTRA warm up for 1% of their steps or more (Clark et al. 2020, table
# 6). A long run needs no more steps for it; 200 are enough for our tiny ones.
SHORT_WARMUP_RATE = 0.01
ENOUGH_WARMUP_STEPS = 200
# Clark et al. 2020, table 6: 5e-4 for Small, of width 256, and 2e-4 for Base and
# Large. Narrower networks bear more, as 1e-3 at a width of 128 in our runs.
SMALL_LEARNING_RATE, SMALL_HIDDEN_DIM = 5e-4, 256
LARGE_LEARNING_RATE = 2e-4
HIGH_LEARNING_RATE_RATIO = 4.0
# Clark et al. 2020, section 3.2: generators of a quarter to a half do best, and
# ELECTRA-Small++ has an equal one. Larger than the discriminator helped nobody.
LARGEST_GENERATOR_RATIO = 1.0
# 0.15, for Large 0.25 (table 6); of masked LMs up to 0.4 is known to work (Wettig
# et al. 2022). Below a third of 0.15 a step teaches the generator little.
MASK_RATES = (0.05, 0.4)
# ELECTRA has 0.1; beyond a half more is noise than signal.
HIGH_DROPOUT_RATE = 0.5
# Clark et al. 2020, appendix B, searched 1, 10, 20, 50 and 100.
LOSS_WEIGHTS = (1.0, 100.0)
WEIGHTED_OBJECTIVES = ("adversarial", "electra", "electra_15", "electric")


def check_row_length(evidence: Evidence) -> Finding:
    """The rows' length against `data.sequence_length` and the position table."""
    length = evidence.info.sequence_length
    wanted = evidence.config.data.sequence_length
    positions = evidence.config.model.max_sequence_length
    named = "" if wanted is None else f"; data.sequence_length {wanted:,}"
    return judge(
        "row length",
        length,
        "tokens",
        f"{length:,} tokens, {positions:,} positions{named}",
        expected="a position for every token",
        fix=f"Set model.max_sequence_length={length} and leave "
        "data.sequence_length out.",
        doomed=length > positions or wanted not in (None, length),
    )


def check_batch(evidence: Evidence) -> Finding:
    """The batch against the number of training examples."""
    batch = evidence.config.train.global_batch_size
    examples = evidence.info.examples("train")
    rate = batch / max(1, examples)
    return judge(
        "batch",
        rate,
        "rate",
        f"{batch:,} of {examples:,} examples ({show_rate(rate)})",
        expected=f"at most {show_rate(LARGE_BATCH_RATE)}",
        fix="Give more text, or lower train.global_batch_size.",
        warning=rate > LARGE_BATCH_RATE,
        doomed=batch > examples,
    )


def check_epochs(evidence: Evidence) -> Finding:
    """How often the run goes over the data."""
    train = evidence.config.train
    seen = train.train_steps * train.global_batch_size
    epochs = seen / max(1, evidence.info.examples("train"))
    return judge(
        "epochs",
        epochs,
        "epochs",
        f"{epochs:,.3g} passes over the data"
        if epochs < 100
        else f"{epochs:,.0f} passes over the data",
        expected=f"at most {MANY_EPOCHS}",
        fix="Give more text, or lower train.train_steps.",
        warning=epochs > MANY_EPOCHS,
    )


def check_warmup(evidence: Evidence) -> Finding:
    """Steps of warm-up against all steps."""
    train = evidence.config.train
    steps, all_steps = train.effective_warmup_steps, train.train_steps
    rate = steps / all_steps
    enough = min(ENOUGH_WARMUP_STEPS, SHORT_WARMUP_RATE * all_steps)
    # Warm-up and decay multiply: the peak is passed a quarter high, or lower.
    never_there = bool(train.overlapped_warmup) and steps >= all_steps
    return judge(
        "warm-up",
        steps,
        "steps",
        f"{steps:,} of {all_steps:,} steps ({show_rate(rate)})",
        expected="an end before the end of the run"
        if never_there
        else f"at least {show_rate(SHORT_WARMUP_RATE)}, or {ENOUGH_WARMUP_STEPS} steps",
        fix=f"Set train.warmup_steps={all_steps // 10}."
        if all_steps >= 10
        else "Raise train.train_steps to 10 or more: a tenth at most is warm-up.",
        warning=steps == 0 or steps < enough,
        doomed=never_there,
    )


def check_learning_rate(evidence: Evidence) -> Finding:
    """The peak of the learning rate against the width of the discriminator."""
    rate = evidence.config.train.learning_rate
    width = evidence.config.model.hidden_dim
    usual = SMALL_LEARNING_RATE * SMALL_HIDDEN_DIM / width
    usual = max(usual, LARGE_LEARNING_RATE)
    return judge(
        "learning rate",
        rate,
        "per step",
        f"{rate:.2g} with model.hidden_dim {width}",
        expected=f"at most {HIGH_LEARNING_RATE_RATIO:.0f} x {usual:.2g}, usual at this "
        "width",
        fix=f"Set train.learning_rate={usual:.2g}.",
        warning=rate > HIGH_LEARNING_RATE_RATIO * usual,
    )


def check_generator(evidence: Evidence) -> Finding:
    """The generator's size against the discriminator's."""
    model, train = evidence.config.model, evidence.config.train
    has_none = train.objective == "mlm" or train.uniform_generator
    width = (model.generator_hidden_dim or 0) / model.hidden_dim
    depth = (model.generator_num_layers or 0) / model.num_layers
    ratio = 0.0 if has_none else max(width, depth)
    measured = f"{width:.2g} x the discriminator's width, {depth:.2g} x its depth"
    return judge(
        "generator",
        ratio,
        "ratio",
        "there is none" if has_none else measured,
        expected=f"at most {LARGEST_GENERATOR_RATIO:g} x; best 0.25 to 0.5",
        fix="Lower model.generator_fraction or model.generator_num_layers.",
        warning=ratio > LARGEST_GENERATOR_RATIO,
    )


def check_masking(evidence: Evidence) -> Finding:
    """The share of masked tokens."""
    rate = evidence.config.data.mask_rate
    lowest, highest = MASK_RATES
    return judge(
        "masking",
        rate,
        "rate",
        f"{show_rate(rate)} of the tokens are masked",
        expected=f"{show_rate(lowest)} to {show_rate(highest)}",
        fix="Set data.mask_rate=0.15.",
        warning=not lowest <= rate <= highest,
    )


def check_dropout(evidence: Evidence) -> Finding:
    """The higher of the two rates of dropout."""
    model = evidence.config.model
    rate = max(model.dropout_rate, model.attention_dropout_rate)
    return judge(
        "dropout",
        rate,
        "rate",
        f"{show_rate(rate)} at most",
        expected=f"at most {show_rate(HIGH_DROPOUT_RATE)}",
        fix="Set model.dropout_rate=0.1 and model.attention_dropout_rate=0.1.",
        warning=rate > HIGH_DROPOUT_RATE,
    )


def check_loss_weight(evidence: Evidence) -> Finding:
    """Lambda of the paper; 0 is an error of the configuration already."""
    train = evidence.config.train
    weight = train.discriminator_loss_weight
    lowest, highest = LOSS_WEIGHTS
    is_read = train.objective in WEIGHTED_OBJECTIVES
    shown = "" if is_read else f"; {train.objective} does not read it"
    return judge(
        "loss weight",
        weight,
        "weight",
        f"{weight:g} x the discriminator's loss{shown}",
        expected=f"{lowest:g} to {highest:g}",
        fix="Set train.discriminator_loss_weight=50.",
        warning=is_read and not lowest <= weight <= highest,
    )


SETTING_CHECKS = (
    check_row_length,
    check_batch,
    check_epochs,
    check_warmup,
    check_learning_rate,
    check_generator,
    check_masking,
    check_dropout,
    check_loss_weight,
)
