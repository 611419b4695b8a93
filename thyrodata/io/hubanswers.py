"""What the Hugging Face Hub refuses, and how it fails, as one error each: what, where, and what to do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from thyrodata.errors import HubError
from thyrodata.io.extras import load_extra

__all__ = ["asking"]

_LOGIN = "run `hf auth login`, or set HF_TOKEN to a token of https://huggingface.co/settings/tokens"
_LATER = "run the same again later: what was uploaded is kept and not sent twice"

_CODES = {
    "GatedRepo": (
        "the dataset is gated, and you have no access",
        "ask for access on its page, and use a token of the account that was given it",
    ),
    "RepoNotFound": ("there is no such dataset, or you may not see it", f"check its name; or {_LOGIN}"),
    "RevisionNotFound": ("the dataset has no such revision", "name a branch, a tag or a commit of it"),
    "EntryNotFound": ("a file is not there any more", "run the same again"),
}
"""By the header ``X-Error-Code``: what is said, and the hint."""

_STATUSES = {
    400: ("the Hub finds it wrong", "mend what it names"),
    401: ("the Hub does not accept the token", f"it may have expired: {_LOGIN}"),
    403: (
        "the Hub does not allow it",
        "use a token that may write there, and see what the account may store",
    ),
    404: ("the Hub has nothing there", "check the name, and HF_ENDPOINT if it is set"),
    409: ("the name is taken by a dataset that you may not see", "choose another name"),
    412: ("somebody else has committed to it meanwhile", "nothing was changed: run the same again"),
    413: ("the Hub finds it too large", "see what the account may store"),
    429: ("the Hub asks to wait: there were too many requests", _LATER),
}
"""By the status, where there is no such code."""


@contextmanager
def asking(where: str) -> Iterator[None]:
    """Turn errors of the Hub's library inside the block into one that says what to do, and keep it silent.

    Args:
        where: The page of what is asked about.

    Raises:
        HubError: The Hub refused, failed or could not be reached.
    """
    errors = load_extra("huggingface_hub.errors", "hub")
    try:
        with _silent(load_extra("huggingface_hub.utils", "hub")):
            yield
    except errors.OfflineModeIsEnabled:
        raise HubError(
            "the Hub may not be contacted: HF_HUB_OFFLINE is set", where=where, hint="unset it"
        ) from None
    except (errors.HTTPError, OSError, RuntimeError, ValueError) as error:
        cause = _origin(error, errors.HTTPError)
        if isinstance(cause, errors.HfHubHTTPError):
            raise _refusal(cause, where) from None
        if isinstance(cause, errors.HTTPError | ConnectionError | TimeoutError):
            raise HubError(
                f"the Hub cannot be reached: {_line(cause) or type(cause).__name__}",
                where=where,
                hint=f"check the network, and HF_ENDPOINT if it is set; {_LATER}",
            ) from None
        if isinstance(cause, OSError) and cause.errno is not None:
            raise  # of this machine, such as a full disk
        raise HubError(f"the Hub refuses: {_line(cause)}", where=where, hint="mend what it names") from None


def _origin(error: BaseException, kind: type[BaseException]) -> BaseException:
    """Return the answer of the Hub that the library has wrapped, if it has: in a thread, or of a card."""
    cause = error.__cause__
    return cause if isinstance(cause, kind) and not isinstance(error, kind) else error


def _refusal(error: Any, where: str) -> HubError:
    status = error.response.status_code
    said = " ".join((error.server_message or "").split())
    code = error.response.headers.get("X-Error-Code")
    if status >= 500:  # noqa: PLR2004 -- failures of the server, RFC 9110 section 15.6
        return HubError(f"the Hub has a failure of its own ({status})", where=where, hint=_LATER)
    if status == 401 and "authorization" not in error.response.request.headers:  # noqa: PLR2004 -- unauthorized
        return HubError("the Hub wants to know who asks", where=where, hint=_LOGIN)
    what, hint = _CODES.get(code) or _STATUSES.get(status) or (f"the Hub refuses ({status})", _LATER)
    return HubError(f"{what}: {said}" if said else what, where=where, hint=hint)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


@contextmanager
def _silent(utils: Any) -> Iterator[None]:
    """Have the library neither log its retries nor draw bars nor warn: ours is silent."""
    level, had_bars = utils.logging.get_verbosity(), not utils.are_progress_bars_disabled()
    utils.logging.set_verbosity(utils.logging.CRITICAL)
    utils.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        utils.logging.set_verbosity(level)
        if had_bars:
            utils.enable_progress_bars()
