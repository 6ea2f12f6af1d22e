"""What the environment and the files of the AWS command line say to whoever reads a cloud."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from adoptcli.source.addresses import prefix

ENDPOINTS = ("endpoint_url", "storage_endpoint", "endpoint")
ACCOUNT = {
    "AccountName": "account_name", "AccountKey": "account_key", "BlobEndpoint": "endpoint",
    "SharedAccessSignature": "sas_token",
}  # fmt: skip
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE")


def options(address: str) -> dict[str, str]:
    """What the environment does not tell by itself to whoever reads an address.

    Polars, obstore and deltalake know the environment's variables and these names alike.
    """
    its = prefix(address)
    if not its:
        return {}
    for name in [n for n in os.environ if n.startswith(f"{its}_") and not os.environ[n]]:
        del os.environ[name]  # an empty one would be taken for an address
    said = {"AWS": _profile, "AZURE": _account}.get(its, lambda env: ())
    found = dict(said(os.environ))
    allowed = os.environ.get(f"{its}_ALLOW_HTTP", "").lower() in ("1", "true", "yes", "on")
    names = [f"{its}_{name}".upper() for name in ENDPOINTS]
    endpoints = [found.get(name.lower()) or os.environ.get(name, "") for name in names]
    if allowed or any(url.startswith("http://") for url in endpoints):
        found["allow_http"] = "true"
    return found


def _profile(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What the files of the AWS command line say where the environment does not."""
    name = env.get("AWS_PROFILE", "default")
    said = _section(env.get("AWS_CONFIG_FILE", "~/.aws/config"), name, f"profile {name}")
    endpoint = env.get("AWS_ENDPOINT_URL_S3")
    if endpoint := endpoint or ("" if "AWS_ENDPOINT_URL" in env else said.get("endpoint_url")):
        yield "aws_endpoint_url", endpoint
    if "region" in said and not ("AWS_REGION" in env or "AWS_DEFAULT_REGION" in env):
        yield "aws_region", said["region"]
    if not any(key in env for key in KEYS):
        yield from _keys(said, name, env)


def _keys(said: dict[str, str], profile: str, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    said = said | _section(env.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"), profile)
    if said and "aws_access_key_id" not in said:
        said = _session(profile)
    for key in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"):
        if value := said.get(key):
            yield key, value


def _account(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What the variables of the Azure command line say where those of the readers do not."""
    text = env.get("AZURE_STORAGE_CONNECTION_STRING", "")
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    said = {ours: parts[theirs] for theirs, ours in ACCOUNT.items() if theirs in parts}
    if "EndpointSuffix" in parts and "AccountName" in parts:
        scheme = parts.get("DefaultEndpointsProtocol", "https")
        its = f"{scheme}://{parts['AccountName']}.blob.{parts['EndpointSuffix']}"
        said.setdefault("endpoint", its)
    for theirs, ours in (("ACCOUNT", "account_name"), ("KEY", "account_key")):
        said |= {ours: env[f"AZURE_STORAGE_{theirs}"]} if f"AZURE_STORAGE_{theirs}" in env else {}
    for name, value in said.items():
        if f"AZURE_STORAGE_{name}".upper() not in env:
            yield f"azure_storage_{name}", value


def _section(path: str, *names: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(Path(path).expanduser(), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}
    return {k: v for name in names if parser.has_section(name) for k, v in parser.items(name)}


def _session(profile: str) -> dict[str, str]:
    """The keys of a profile that signs in or takes a role, where boto3 is there to do that."""
    if find_spec("boto3") is None:
        return {}
    boto3, wrong = import_module("boto3"), import_module("botocore.exceptions")
    try:
        found = boto3.Session(profile_name=profile).get_credentials()
        keys = found and found.get_frozen_credentials()
    except (wrong.BotoCoreError, wrong.ClientError):
        return {}
    return {
        "aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key,
        "aws_session_token": keys.token or "",
    } if keys else {}  # fmt: skip
