# Every CloudWatch metric that an alarm or the dashboard may name, with the engines that have it. A row of alarms.tf or
# dashboard.tf that names another fails at plan time: an alarm on a metric that does not exist is silent for ever.
#
# Sources: "Amazon CloudWatch metrics for Amazon RDS" (instance level, PostgreSQL), "Amazon CloudWatch metrics for Amazon
# Aurora" (Aurora PostgreSQL, cluster and instance level), "Amazon CloudWatch metrics for Performance Insights" (DBLoad),
# "CloudWatch metrics for NAT gateways", "Monitoring Amazon SNS topics using CloudWatch".
#
# `of`: what it is measured of; `by_role`: Aurora also reports it for whoever is writer or reader at the time.

locals {
  rds_namespace    = "AWS/RDS"
  logs_namespace   = "EcommerceDMS/Logs"   # written by log_metrics.tf
  health_namespace = "EcommerceDMS/Health" # written by scripts/health_check.py --publish

  metrics = {
    CPUUtilization            = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "%" }
    CPUCreditBalance          = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "credits" }
    DBLoad                    = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = false, unit = "average active sessions" }
    DatabaseConnections       = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "connections" }
    FreeableMemory            = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "bytes" }
    SwapUsage                 = { namespace = local.rds_namespace, engines = ["rds"], of = "instance", by_role = false, unit = "bytes" } # Aurora: not on db.r7g
    ReadIOPS                  = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "operations/s" }
    WriteIOPS                 = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "operations/s" }
    ReadLatency               = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "s" }
    WriteLatency              = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "s" }
    DiskQueueDepth            = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "requests" }
    NetworkReceiveThroughput  = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "bytes/s" }
    NetworkTransmitThroughput = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "bytes/s" }
    MaximumUsedTransactionIDs = { namespace = local.rds_namespace, engines = ["rds", "aurora"], of = "instance", by_role = true, unit = "transactions" }

    # One machine with a disk.
    FreeStorageSpace         = { namespace = local.rds_namespace, engines = ["rds"], of = "instance", by_role = false, unit = "bytes" }
    "EBSIOBalance%"          = { namespace = local.rds_namespace, engines = ["rds"], of = "instance", by_role = false, unit = "%" }
    "EBSByteBalance%"        = { namespace = local.rds_namespace, engines = ["rds"], of = "instance", by_role = false, unit = "%" }
    ReplicaLag               = { namespace = local.rds_namespace, engines = ["rds"], of = "instance", by_role = false, unit = "s" }
    OldestReplicationSlotLag = { namespace = local.rds_namespace, engines = ["rds"], of = "instance", by_role = false, unit = "bytes" }
    TransactionLogsDiskUsage = { namespace = local.rds_namespace, engines = ["rds"], of = "instance", by_role = false, unit = "bytes" } # Aurora: -1 without logical replication

    # A shared volume, and readers of it.
    AuroraReplicaLag    = { namespace = local.rds_namespace, engines = ["aurora"], of = "instance", by_role = false, unit = "ms" }
    ACUUtilization      = { namespace = local.rds_namespace, engines = ["aurora"], of = "instance", by_role = true, unit = "%" } # db.serverless only
    BufferCacheHitRatio = { namespace = local.rds_namespace, engines = ["aurora"], of = "instance", by_role = true, unit = "%" }
    CommitLatency       = { namespace = local.rds_namespace, engines = ["aurora"], of = "instance", by_role = true, unit = "ms" }
    Deadlocks           = { namespace = local.rds_namespace, engines = ["aurora"], of = "instance", by_role = true, unit = "deadlocks/s" }
    FreeLocalStorage    = { namespace = local.rds_namespace, engines = ["aurora"], of = "instance", by_role = true, unit = "bytes" } # not db.serverless
    VolumeBytesUsed     = { namespace = local.rds_namespace, engines = ["aurora"], of = "cluster", by_role = false, unit = "bytes" }

    # What surrounds it.
    ErrorPortAllocation         = { namespace = "AWS/NATGateway", engines = ["rds", "aurora"], of = "nat", by_role = false, unit = "errors" }
    NumberOfNotificationsFailed = { namespace = "AWS/SNS", engines = ["rds", "aurora"], of = "topic", by_role = false, unit = "notifications" }

    # Ours. The log's carry the identifier in their name, since text filters know no dimensions: shop-test/Deadlock.
    Deadlock          = { namespace = local.logs_namespace, engines = ["rds", "aurora"], of = "log", by_role = false, unit = "lines" }
    FatalError        = { namespace = local.logs_namespace, engines = ["rds", "aurora"], of = "log", by_role = false, unit = "lines" }
    RefusedConnection = { namespace = local.logs_namespace, engines = ["rds", "aurora"], of = "log", by_role = false, unit = "lines" }
    WraparoundWarning = { namespace = local.logs_namespace, engines = ["rds", "aurora"], of = "log", by_role = false, unit = "lines" }
    Severity          = { namespace = local.health_namespace, engines = ["rds", "aurora"], of = "health", by_role = false, unit = "0 ok, 1 warning, 2 critical" }
  }
}
