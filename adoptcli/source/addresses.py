"""Addresses of files that are elsewhere, and what it means when nothing comes of one."""

from __future__ import annotations

import re
from pathlib import Path

from adoptcli.errors import DataProblem

STORES = {
    "s3": "S3Store", "s3a": "S3Store", "gs": "GCSStore", "gcs": "GCSStore", "az": "AzureStore",
    "azure": "AzureStore", "abfs": "AzureStore", "abfss": "AzureStore",
}  # fmt: skip
CLOUDS = tuple(f"{scheme}://" for scheme in STORES)
HINTS = {
    "S3Store": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for public "
    "buckets AWS_SKIP_SIGNATURE=true",
    "GCSStore": "set GOOGLE_APPLICATION_CREDENTIALS, or run: gcloud auth application-default login",
    "AzureStore": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or "
    "AZURE_STORAGE_SAS_TOKEN, or AZURE_USE_AZURE_CLI=true",
}
PREFIXES = {"S3Store": "AWS", "GCSStore": "GOOGLE", "AzureStore": "AZURE"}
WEB = ("https://", "http://")


def is_remote(path: str) -> bool:
    """Whether a name is an address."""
    return path.lower().startswith((*CLOUDS, *WEB))


def prefix(address: str) -> str:
    """What the environment's variables for a cloud begin with; nothing for other addresses."""
    return PREFIXES.get(STORES.get(address.split("://")[0].lower(), ""), "")


def located(path: str) -> str:
    """A file's path as Polars is to take it: as an address.

    A path to JSON is searched for patterns, and its file is mapped into memory, so that the process
    would die if somebody cut the file off.
    """
    return path if is_remote(path) else Path(path).absolute().as_uri()


def shown(path: str) -> str:
    """An address as it may be said aloud: what follows a ? or precedes an @ may be a key to it."""
    if not path.lower().startswith(WEB):
        return path
    return re.sub(r"//[^/]*@", "//", path.split("?")[0])


def plain(text: str) -> str:
    """A text without what follows the ? of its addresses."""
    return re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", text)


def problem(error: BaseException, name: str) -> DataProblem | None:
    """What a service's refusal means; None where it is none. Never what it was asked with."""
    text = str(error)
    code = re.search(r"<Code>(\w+)</Code>", text)
    told = f" ({code[1]})" if code else ""
    hint = HINTS.get(STORES.get(name.split("://")[0], ""), "")
    its = prefix(name) or "AWS"
    if re.search(r"169\.254\.\d+\.\d+|metadata\.google|metadata/identity|must be specified", text):
        return DataProblem("no-credentials", f"{name}: no credentials are known", hint)
    if re.search(r"NoSuchBucket|ContainerNotFound|bucket does not exist", text):
        what = "container" if its == "AZURE" else "bucket"
        return DataProblem("no-such-file", f"{name}: there is no such {what}", "check its name")
    if "Invalid Access Key" in text:
        return DataProblem("no-access", f"{name}: the account's key is no base64", hint)
    if re.search(r"status code: 40[13]|AccessDenied|AuthenticationFailed|InvalidAccessKey", text):
        message = f"{name}: the service refuses access{told}"
        return DataProblem("no-access", message, f"check your rights and credentials: {hint}")
    if isinstance(error, FileNotFoundError) or re.search(r"status code: 404", text):
        return DataProblem("no-such-file", f"{name}: there is no such object", "check its key")
    if "BadScheme" in text or "builder error" in text:
        return DataProblem(
            "no-access", f"{name}: the endpoint has no https",
            f"set {its}_ALLOW_HTTP=true where that is meant",
        )  # fmt: skip
    if re.search(r"status code: 30|configured region|AuthorizationHeaderMalformed", text):
        return DataProblem(
            "wrong-region", f"{name}: the bucket is in another region{told}", "set AWS_REGION"
        )
    if re.search(r"error sending request|dns error|timed out|connect", text, re.IGNORECASE):
        return DataProblem(
            "no-network", f"{name}: the service cannot be reached",
            "check the network, and the endpoint if one is set (AWS_ENDPOINT_URL, "
            "AZURE_STORAGE_ENDPOINT)",
        )  # fmt: skip
    return None


def unknown(error: BaseException, name: str) -> DataProblem:
    """A failure that nothing is known of: the service's status, never the request."""
    found = re.search(r"status code: (\d+ [A-Za-z ]+)", str(error))
    why = found[1] if found else type(error).__name__
    hint = HINTS[STORES[name.split("://")[0]]]
    return DataProblem("unreadable-address", f"{name}: cannot be read: {why}", hint)
