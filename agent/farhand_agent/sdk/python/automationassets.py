"""The assets of an automation account, with the names that Azure Automation has for them.

    import automationassets

    region = automationassets.get_automation_variable("region")
    login = automationassets.get_automation_credential("backup")
    connect(login["username"], login["password"])

In a job they come from the control plane, as they are at this moment. Elsewhere they come from
`localassets.json` beside the program (or the file that AUTOMATION_ASSET_FILE names), so that
runbooks can be written and tried at a desk:

    {"Variable": [{"Name": "region", "Value": "eu"}],
     "Credential": [{"Name": "backup", "Username": "svc", "Password": "for-trying-only"}],
     "Connection": [{"Name": "db", "ConnectionFields": {"host": "localhost"}}],
     "Certificate": [{"Name": "tls", "CertPath": "tls.pfx"}]}

Needs nothing but the standard library of Python 3.7 or later.
"""

import base64
import json
import os
import sys

import farhand_job


class AutomationAssetException(Exception):
    """An asset could not be read or set."""


class AutomationAssetNotFound(AutomationAssetException):
    """There is no such asset, or this runbook may not use it."""


class Credential(dict):
    """`username` and `password`, as items and as attributes."""

    def __init__(self, username, password):
        super().__init__(username=username, password=password)

    @property
    def username(self):
        return self["username"]

    @property
    def password(self):
        return self["password"]

    def __repr__(self):
        return "Credential(username=%r, password='***')" % self.username


def get_automation_variable(name):
    """Its value, with its type."""
    if not farhand_job.in_job():
        return _local("Variable", name)["Value"]
    return _get("variable", name)["value"]


def set_automation_variable(name, value):
    """Gives a variable that exists another value: text, a number, true, false, None, or a list or
    dictionary of these."""
    if not farhand_job.in_job():
        _set_local(name, value)
    else:
        _ask({"set_variable": {"name": name, "value": value}}, "variable", name)


def get_automation_credential(name):
    """A user and a password."""
    if not farhand_job.in_job():
        found = _local("Credential", name)
        return Credential(found["Username"], found["Password"])
    found = _get("credential", name)
    return Credential(found["user_name"], found["password"])


def get_automation_connection(name):
    """Its fields, as a dictionary."""
    if not farhand_job.in_job():
        return _local("Connection", name)["ConnectionFields"]
    return _get("connection", name)["fields"]


def get_automation_certificate(name):
    """PKCS#12 without a password if it may be exported with its key, else DER."""
    if not farhand_job.in_job():
        path = os.path.join(os.path.dirname(_local_file()), _local("Certificate", name)["CertPath"])
        with open(path, "rb") as file:
            return file.read()
    return base64.b64decode(_get("certificate", name)["content"])


def _get(kind, name):
    return _ask({"get_asset": {"kind": kind, "name": name}}, kind, name)["asset"]


def _ask(question, kind, name):
    try:
        return farhand_job.ask(question)
    except farhand_job.JobError as error:
        if error.reason in ("ASSET_NOT_FOUND", "ASSET_NOT_GRANTED"):
            raise AutomationAssetNotFound(str(error)) from None
        raise AutomationAssetException("%s %s: %s" % (kind, name, error)) from None
    except OSError as error:
        raise AutomationAssetException("%s %s: %s" % (kind, name, error)) from error


def _local_file():
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0] or ".")), "localassets.json")
    return os.environ.get("AUTOMATION_ASSET_FILE") or beside


def _read_local():
    try:
        with open(_local_file(), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        words = "outside of a job assets are read from %s: %s" % (_local_file(), error)
        raise AutomationAssetException(words) from error


def _local(kind, name, assets=None):
    for asset in (_read_local() if assets is None else assets).get(kind, []):
        if asset.get("Name") == name:
            return asset
    raise AutomationAssetNotFound('no %s "%s" in %s' % (kind.lower(), name, _local_file()))


def _set_local(name, value):
    assets = _read_local()
    _local("Variable", name, assets)["Value"] = value
    with open(_local_file(), "w", encoding="utf-8") as file:
        json.dump(assets, file, indent=4)
