"""The one glossary: what figures and terms are called where people read them, and what they mean."""

NATS = "nats per row"  # what log losses and gains are measured in
MORE_ROWS = "more rows that would show the smallest gain to be found"  # four times in five

NAMES = {
    "log_loss": "log loss",
    "log_loss_skill": "log-loss skill",
    "roc_auc": "ROC AUC",
    "accuracy": "accuracy",
    "f1": "F1",
    "calibration_error": "calibration error",
}
CHOSEN_BY = {
    "cv_log_loss": "cross-validated log loss",
    "validation_log_loss": "log loss on the track record's older blocks",
}
SHORT = NAMES | {"log_loss_skill": "skill"}  # where a row of figures stands side by side
SHOWN = ("log_loss", "log_loss_skill", "roc_auc", "accuracy", "f1")  # of candidates

HELP = {
    "log_loss": f"Mean of −log(probability that was given to what came), in {NATS}; lower is better. It also moves with the "
    "positive rate, so it can fall while a model gets worse: compare it with what that rate alone comes to.",
    "log_loss_skill": "How much better the model's log loss is than that of always predicting these rows' own positive rate: "
    "1 − log loss ÷ log loss of that rate. 1 is perfect; above 0 the model tells more than that rate does, below 0 it tells "
    "less. In brackets: its interval. This figure decides whether a model is fit.",
    "roc_auc": "How often a row with label 1 gets a higher probability than one with label 0; 0.5 is chance.",
    "accuracy": "Share of rows where probability ≥ 0.5 matches what came. Where one outcome is rare, always saying the other "
    "looks good: compare it with what that comes to. Nothing is decided by it.",
    "f1": "Harmonic mean of precision and recall at probability ≥ 0.5. It is 0 where no positive is ever predicted, which is "
    "right where all probabilities lie below 0.5. Nothing is decided by it.",
    "calibration_error": "Mean distance between predicted and observed rate over ten bins of as many rows each.",
    "fitness": "Fit: on its newest window it is proven better than guessing the base rate. Not proven: it may be no better, "
    "may have fallen, or its rows have drifted. Not fit: it is proven worse than the base rate, or fell too far, or the feed "
    "is broken. Unknown: not judged yet, or too few labels.",
    "since": "The first of the newest windows in a row that were judged like the newest one.",
    "doing": "Alerts start a retraining. It replaces the champion only with a model that is proven better on rows that "
    "neither has seen.",
    "champion": "The version in service, with the registry alias champion; previous is the one before it.",
    "window": "The newest batches together, as many as hold the rows that a verdict needs.",
    "reference": "The rows that the champion's last decision was about: what it was judged on.",
    "drift": "Distance between window and reference, column by column. At or above its threshold a column counts as drifted.",
    "drifted_share": "How many of the model's inputs are distributed otherwise than in the rows that the model was "
    "judged on: each has a drift score, and counts as drifted from its threshold on.",
    "label": "How often the target was 1. When this changes, the probabilities are wrong on average, even if the "
    "relation between features and target is the same.",
    "new_records": "Labelled rows that have come since the last decision. When there are enough, they start a "
    "retraining by themselves.",
    "gain": "The champion's log loss minus the challenger's on the same rows, which neither was trained on, in "
    f"{NATS}: above 0 the challenger is better. Promoted when it is worth having and its interval lies above 0.",
    "nats": "The unit of log loss: what is lost by a row is −log(probability that was given to what came), with the natural "
    "logarithm. Giving one half to what came loses 0.69 nats; a tenth, 2.3.",
    "saved": "How much less was lost than by the first version, had it stayed in service, as a share of what guessing the base "
    "rate loses on the same rows. Each row counts as it was scored when it came. In brackets: the interval.",
    "worth": "The values of one feature are dealt to other rows, so that it tells nothing any more: what skill is lost then is "
    "its worth. Features that tell the same share their worth: each alone looks cheap.",
    "record": "What a recipe had said of each block of rows before it learnt from them: each was scored by a fit of all rows "
    "before it.",
    "candidate": "A model that took part in a training. The one with the lowest log loss (on the track record's older blocks, "
    "where there are any) meets the champion at the gate.",
}

IN_A_LINE = {  # where nothing can be pointed at: at the end of what a terminal shows
    "log loss": "what was lost by trusting the probabilities, in nats per row; lower is better. Giving one half to what comes "
    "loses 0.69, a tenth 2.3",
    "skill": "how much of what guessing the base rate loses the model saves: 1 is all of it, below 0 it loses more",
    "base rate": "how often label 1 came among the same rows",
    "drift": "how far the rows are from those that the model was judged on",
    "holdout, test": "rows kept for the gate, which no candidate has learnt from",
    "[a, b]": "the interval in which the true figure lies",
}

ACTS = {  # what a person can do about an alert
    "wait": "Do nothing: what runs by itself answers the alert, or has done so.",
    "approve": "Look at the challenger's figures, then say yes or no: nothing changes before that.",
    "retrain": "Start a retraining now. The model in service stays unless a challenger is proven better.",
    "roll back": "Put an earlier version back into service, when the newest one has done worse since it came. The newest rows "
    "are scored again.",
    "mend the feed": "Look for what changed where the rows come from: a column that stands still, another unit, a new code. "
    "Then score the corrected rows.",
}


def spoken(name: str) -> str:
    """A name of the code or the store as people say it: `new_records` as new records."""
    return name.replace("_", " ")


def capital(text: str) -> str:
    """The text with a capital at its beginning: where it stands by itself."""
    return text[:1].upper() + text[1:]
