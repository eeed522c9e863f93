"""The metrics that AWS documents for PostgreSQL, copied from its pages: what ours are checked against.

Sources: "Amazon CloudWatch metrics for Amazon RDS", "… for Amazon Aurora" (instance and cluster level), "… for Performance
Insights". Independent of monitoring/metrics.tf.
"""

BOTH = {
    "CPUCreditBalance", "CPUCreditUsage", "CPUSurplusCreditBalance", "CPUSurplusCreditsCharged", "CPUUtilization",
    "DBLoad", "DBLoadCPU", "DBLoadNonCPU", "DatabaseConnections", "DiskQueueDepth", "FreeableMemory",
    "MaximumUsedTransactionIDs", "NetworkReceiveThroughput", "NetworkTransmitThroughput",
    "OldestReplicationSlotLag", "ReadIOPS", "ReadLatency", "ReadThroughput", "ReplicationSlotDiskUsage",
    "SwapUsage", "TransactionLogsDiskUsage", "WriteIOPS", "WriteLatency", "WriteThroughput",
}  # fmt: skip
DOCUMENTED = {
    "rds": {
        *BOTH, "BurstBalance", "CheckpointLag", "ConnectionAttempts", "EBSByteBalance%", "EBSIOBalance%",
        "FreeStorageSpace", "ReplicaLag", "TransactionLogsGeneration",
    },
    "aurora": {
        *BOTH, "ACUUtilization", "AuroraReplicaLag", "AuroraReplicaLagMaximum", "AuroraReplicaLagMinimum",
        "BufferCacheHitRatio", "CommitLatency", "CommitThroughput", "Deadlocks", "EngineUptime", "FreeLocalStorage",
        "NetworkThroughput", "ServerlessDatabaseCapacity", "StorageNetworkThroughput", "VolumeBytesUsed",
        "VolumeReadIOPs", "VolumeWriteIOPs",
    },
}  # fmt: skip
