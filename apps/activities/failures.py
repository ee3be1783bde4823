"""What went wrong with an attempt, as a person understands it. Pure: an error is `code: detail`, as the engine keeps it."""

from dataclasses import dataclass

READ_AND_RETRY = "Open the step, correct what it says, and try it again."
BY_ITSELF = "Nothing to do: it is tried again by itself."
TELL_OPERATOR = "Try it again. If it happens once more, tell an operator."

# code -> (sentence, next step). An empty sentence keeps the detail, which is a sentence already.
KNOWN = {
    "rate_limited": ("The model service asked for fewer requests.", BY_ITSELF),
    "overloaded": ("The model service is overloaded.", BY_ITSELF),
    "unavailable": ("The model service cannot be reached.", BY_ITSELF),
    "timed_out": ("The model took longer than this agent may take.", "Try it again, or allow the agent more time."),
    "refused": ("The model declined to do this.", "Change the instruction with a note, then try it again."),
    "invalid_request": (
        "The model service did not accept the request.",
        "Check the agent's model in Manage, then try again.",
    ),
    "unauthorised": ("The model service did not accept our key.", "A super admin enters a valid key in Manage."),
    "cut_off": ("The answer was longer than the model may write.", "Ask for something shorter, then try it again."),
    "broken_answer": (
        "The model's answer could not be used, also after it was asked to repair it.",
        "Try it again with a note on what is wanted, or choose another model.",
    ),
    "cap_reached": (
        "The spending cap is reached.",
        "It goes on when the month ends, or when a super admin raises the cap.",
    ),
    "agent_off": ("", "Switch the agent on: the step goes on by itself."),
    "client_stopped": ("", "It goes on by itself when the client is resumed."),
    "local_models_only": ("", "Choose a local model for this agent in Manage."),
    "model_unpriced": ("", "A super admin sets the model's price in Manage."),
    "lease_expired": ("The worker that did this stopped in the middle.", BY_ITSELF),
    "crashed": ("The product itself made a mistake here.", TELL_OPERATOR),
    "no_such_role": ("", "Choose another agent for this step."),
    "storage_unavailable": ("The content store cannot be reached.", BY_ITSELF),
    "unknown": ("The platform did not say whether it was published.", "Nothing to do: the platform is asked again."),
    "outcome_unknown": ("", "Look on the platform: then retry the step, or cancel it."),
    "content_changed": ("", "Approve the text as it is now."),
    "website_unreadable": ("", "Correct the address in Manage, then try it again."),
}


@dataclass(frozen=True)
class Explanation:
    """`sentence` says what is so, `next_step` what to do; both are empty where nothing went wrong."""

    code: str
    sentence: str
    next_step: str


def parted(error: str) -> tuple[str, str]:
    """(code, sentence) of an error as the engine keeps it; without a code, ('', the whole)."""
    code, colon, sentence = error.partition(": ")
    return (code, sentence) if colon and code.replace("_", "").isalpha() and code.islower() else ("", error)


def explain(error: str) -> Explanation:
    """An error of a run or of the task about it. Text without a code is shown as it stands."""
    if not error:
        return Explanation("", "", "")
    code, detail = parted(error)
    if not code:
        return Explanation("", error, READ_AND_RETRY)
    sentence, next_step = KNOWN.get(code, ("", READ_AND_RETRY))
    return Explanation(code, sentence or detail, next_step)
