"""InfluxDB 2.x: bucket, DBRP mapping and tokens, through influxdb-client.

A bucket is asked by InfluxQL under the name of the database that a DBRP mapping gives it. The tokens reach that one bucket.
Source: InfluxData, "InfluxDB OSS 2 API", buckets, dbrps and authorizations.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (influxdb-client has no types for what its models hold)

from typing import Any, Final

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.authorization import Authorization
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.dbrp_create import DBRPCreate
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource
from influxdb_client.rest import ApiException
from influxdb_client.service.dbr_ps_service import DBRPsService
from urllib3.exceptions import HTTPError

from ingest.influx_setup.wanted import GRAFANA, INGEST, Done, Wanted
from plumbline.errors import PlumblineError

_DAY_S: Final = 86_400
_RIGHTS: Final = {INGEST: ("read", "write"), GRAFANA: ("read",)}
#: What clients of 1.x call the policy that they do not name.
_POLICY: Final = "autogen"
_REMEDIES: Final = {
    401: "check the administrator's token (--admin-token)",
    403: "the token may not do this: take that of an operator, or an all-access one of the organisation",
    404: "check the organisation's name (--org)",
    429: "wait and run it again",
}


def prepare(wanted: Wanted, *, org: str, token: str) -> Done:
    """Make what is missing. Raises `PlumblineError`."""
    try:
        with InfluxDBClient(url=wanted.url, token=token, org=org, timeout=20_000) as client:
            return _prepare(client, wanted, org)
    except ApiException as error:
        status = int(error.status or 0)
        what = str(error.body or error.reason)[:300].strip()
        raise PlumblineError(
            f"{wanted.url}: InfluxDB answered {status}: {what}; {_REMEDIES.get(status, 'check the log of the server')}"
        ) from error
    except (HTTPError, OSError) as error:
        raise PlumblineError(
            f"{wanted.url}: InfluxDB cannot be reached ({type(error).__name__}); check address and port"
        ) from error


def _prepare(client: Any, wanted: Wanted, org: str) -> Done:
    done = Done()
    organisations = client.organizations_api().find_organizations(org=org)
    if not organisations:
        raise PlumblineError(
            f"{wanted.url}: there is no organisation '{org}', or the token does not see it; name it with --org"
        )
    org_id = str(organisations[0].id)
    bucket_id = _bucket(client, wanted, org_id, done)
    _mapping(client, wanted, org_id, bucket_id, done)
    for purpose in _RIGHTS:
        _token(client, wanted, (org_id, bucket_id), purpose, done)
    return done


def _bucket(client: Any, wanted: Wanted, org_id: str, done: Done) -> str:
    api = client.buckets_api()
    found = [one for one in api.find_buckets(name=wanted.database, org_id=org_id).buckets if one.name == wanted.database]
    seconds = None if wanted.keep_days is None else wanted.keep_days * _DAY_S
    if not found:
        rules = [BucketRetentionRules(type="expire", every_seconds=seconds or 0)]
        bucket = api.create_bucket(bucket_name=wanted.database, org=org_id, retention_rules=rules)
        done.lines.append(f"bucket '{wanted.database}' was made; it keeps {_days(seconds or 0)}")
        return str(bucket.id)
    [bucket] = found
    kept = int(bucket.retention_rules[0].every_seconds) if bucket.retention_rules else 0
    if seconds is not None and kept != seconds:
        bucket.retention_rules = [BucketRetentionRules(type="expire", every_seconds=seconds)]
        api.update_bucket(bucket=bucket)
        done.lines.append(f"bucket '{wanted.database}' is there; it kept {_days(kept)} and keeps {_days(seconds)} now")
    else:
        done.lines.append(f"bucket '{wanted.database}' is there; it keeps {_days(kept)}")
    return str(bucket.id)


def _mapping(client: Any, wanted: Wanted, org_id: str, bucket_id: str, done: Done) -> None:
    """Name the bucket for InfluxQL. A mapping that InfluxDB thought up itself (virtual) gives way to ours."""
    api = DBRPsService(client.api_client)
    mappings = api.get_dbr_ps(org_id=org_id, db=wanted.database).content or []
    ours = [one for one in mappings if one.database == wanted.database and not one.virtual]
    other = next((one for one in ours if one.bucket_id != bucket_id and (one.default or one.retention_policy == _POLICY)), None)
    if other is not None:
        raise PlumblineError(
            f"{wanted.url}: the database '{wanted.database}' is mapped to another bucket ({other.bucket_id}); take another name"
            f" (--database), or remove the mapping: influx v1 dbrp delete --id {other.id}"
        )
    if any(one.default for one in ours):
        done.lines.append(f"mapping of database '{wanted.database}' is there")
        return
    mapping = DBRPCreate(org_id=org_id, bucket_id=bucket_id, database=wanted.database, retention_policy=_POLICY, default=True)
    api.post_dbrp(dbrp_create=mapping)
    done.lines.append(f"database '{wanted.database}' was mapped to the bucket, for InfluxQL")


def _token(client: Any, wanted: Wanted, place: tuple[str, str], purpose: str, done: Done) -> None:
    org_id, bucket_id = place
    api = client.authorizations_api()
    description = f"plumbline {purpose}: {wanted.database}"
    rights = ", ".join(_RIGHTS[purpose])
    known = [one for one in api.find_authorizations(org_id=org_id) or [] if one.description == description]
    alive = [one for one in known if one.status == "active" and _reaches(one, bucket_id, _RIGHTS[purpose])]
    if alive and not wanted.new_secrets:
        done.lines.append(f"token '{description}' ({rights}) is there (--new-secrets makes a new one)")
        return
    permissions = [
        Permission(action=action, resource=PermissionResource(type="buckets", id=bucket_id, org_id=org_id))
        for action in _RIGHTS[purpose]
    ]
    made = api.create_authorization(
        authorization=Authorization(org_id=org_id, permissions=permissions, description=description)
    )
    for old in known:  # only when the new one is there
        api.delete_authorization(old)
    done.secrets[purpose], done.users[purpose] = str(made.token), "plumbline"
    done.lines.append(f"token '{description}' ({rights}) was made" + (", the old one removed" if known else ""))


def _reaches(authorization: Any, bucket_id: str, actions: tuple[str, ...]) -> bool:
    """Whether a token is one for this bucket; one of a bucket that was deleted is not."""
    has = {(one.action, one.resource.id) for one in authorization.permissions or [] if one.resource.type == "buckets"}
    return all((action, bucket_id) in has for action in actions)


def _days(seconds: int) -> str:
    return f"{seconds / _DAY_S:g} days" if seconds else "for ever"
