"""Drills: prove that backups can be restored and that a failover loses nothing that was acknowledged.

writers.py        writers that go through schema api, and note what was acknowledged and when
local.py          a shop of its own on servers of its own, for the drills on this machine
failover.py       two local servers: the primary is killed, the standby promoted
point_in_time.py  a local base backup and archived log: moments restored and compared
rds.py            what the drills on RDS share: the instance, its writer, its guards
rds_failover.py   reboot with failover, measured by a writer
rds_restore.py    a temporary instance from a snapshot or a moment, examined and deleted
"""
