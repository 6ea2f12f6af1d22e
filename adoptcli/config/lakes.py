"""Clouds, lakes and lookback in words, for the page about sources."""

LAKES = """
Wherever a file may be named, in `source.files`, on the command line or for a table of users,
accounts or ids, an address may: one object, a folder, or a glob.

```sh
adoptcli report s3://bucket/events/ --users s3://bucket/users.csv
adoptcli report 's3://bucket/logs/2026/**/*.ndjson.gz'
adoptcli report gs://bucket/events.parquet
adoptcli report az://container/events/
adoptcli report https://example.org/events.csv.gz
```

A folder is read as one here is: empty files, manifests and names that begin with `.` or `_` are
left out, folders called `key=value` are columns, and the export is known by its shape. Large
Parquet stays where it is, and only the columns that are needed are fetched. All else is fetched
once, 16 files at a time, into a private folder below `--tmp` that goes when the program ends. The
web has no folders and globs.

**To install**: `pip install 'adoptcli[cloud]'` for s3://, gs:// and az:// (single Parquet files do
without), `pip install 'adoptcli[delta]'` for Delta tables. https:// needs nothing.

**Credentials** come from the environment, for the listing as for the reading:

- s3://: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; else `AWS_PROFILE` of
  `~/.aws` (sign-in and roles with boto3 installed), else the machine's role;
  `AWS_SKIP_SIGNATURE=true` for public buckets. Also `AWS_REGION`, `AWS_ENDPOINT_URL` for other
  services, and `AWS_ALLOW_HTTP=true`.
- gs://: `GOOGLE_APPLICATION_CREDENTIALS` or `GOOGLE_SERVICE_ACCOUNT`, else what `gcloud auth
  application-default login` leaves.
- az:// and abfss://: `AZURE_STORAGE_ACCOUNT_NAME` with `AZURE_STORAGE_ACCOUNT_KEY` or
  `AZURE_STORAGE_SAS_TOKEN`, or with `AZURE_USE_AZURE_CLI=true`; also what Azure's command line
  knows: `AZURE_STORAGE_CONNECTION_STRING`, `AZURE_STORAGE_ACCOUNT`, `AZURE_STORAGE_KEY`. Another
  endpoint by `AZURE_STORAGE_ENDPOINT`, public containers by `AZURE_SKIP_SIGNATURE=true`.

No message and no report holds a credential; of signed https addresses, what follows the `?` is left
out.

**Delta tables**, here or in a bucket, are read as their current version: what was overwritten or
deleted does not count. Tables with deletion vectors or mapped columns are refused, and so are
folders and globs within a table.

**Lookback**. `--since` limits what is shown; what came before is read all the same, since it tells
who is new, activated or retained. Where that is too much, say how far it is to go back:

```yaml
source:
  files: [s3://bucket/events/]
  lookback: 90d
```

With `--since` and this, folders that end more than 90 days and one before it are not opened. Their
names must hold a day (`day=2026-01-31`; also `date`, `dt`, `ds`, `event_date`, `load_date`), or
`year=`, `month=` and `day=` together, or be year, month and day one below the other (`2026/01/31/`,
hours below or not), named from above the year. The log then begins 90 days before `--since`: rows
of before are set aside, windows that reach further back stay empty, and whoever came before counts
from then on, which each report says. Folders without such names are read as always.
"""
