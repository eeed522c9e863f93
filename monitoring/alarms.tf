# The alarms, as data. Each row: whom it wakes, the metric, and for which engines (the keys of `limit`), kinds of class
# (instance_classes.tf) and targets it is. `limit` times `of` is the threshold; `of` names a measure of thresholds.tf.
# Its key is its runbook: docs/runbooks/<key>.md. A test asserts one page for each row and one row for each page.
#
# page: a customer feels it, or will within the hour. notify: somebody looks at it in the morning.
#
# `missing`: breaching where silence means that the instance is gone; missing where the metric comes only with something
# else (Insights, a busy disk); notBreaching where nothing to report is good news.

locals {
  any_class     = ["provisioned", "serverless"]
  any_instance  = ["primary", "replica", "member"]
  may_write     = ["primary", "member"]
  health_period = 60 * coalesce(var.health_check_minutes, 1)

  alarm_table = {
    # --- Utilisation and saturation -----------------------------------------------------------------------------------

    cpu-high = {
      severity = "notify", metric = "CPUUtilization", statistic = "Average", compare = ">", limit = { rds = 90, aurora = 90 }, of = "constant"
      classes  = local.any_class, targets = local.any_instance, period = 60, points = 5, missing = "breaching"
      meaning  = "CPU has been above 90 % for five minutes, or the instance reports nothing."
    }
    load-above-vcpus = {
      severity = "notify", metric = "DBLoad", statistic = "Average", compare = ">", limit = { rds = 1, aurora = 1 }, of = "vcpu"
      classes  = local.any_class, targets = local.any_instance, period = 60, points = 15, missing = "missing"
      meaning  = "More sessions are active than there are vCPUs, for fifteen minutes: statements wait."
    }
    cpu-credits-low = {
      severity = "notify", metric = "CPUCreditBalance", statistic = "Average", compare = "<", limit = { rds = 20, aurora = 20 }, of = "constant"
      classes  = ["burstable"], targets = local.any_instance, period = 300, points = 3, missing = "missing"
      meaning  = "The burstable class has nearly used up its CPU credits."
    }
    memory-low = {
      severity = "notify", metric = "FreeableMemory", statistic = "Average", compare = "<", limit = { rds = 0.15, aurora = 0.10 }, of = "memory"
      classes  = local.any_class, targets = local.any_instance, period = 60, points = 15, missing = "missing"
      meaning  = "Little memory is left (on Aurora, whose buffers take most of it, less is normal)."
    }
    memory-exhausted = {
      severity = "page", metric = "FreeableMemory", statistic = "Average", compare = "<", limit = { rds = 0.05, aurora = 0.05 }, of = "memory"
      classes  = local.any_class, targets = local.any_instance, period = 60, points = 15, missing = "breaching"
      meaning  = "Less than 5 % of memory is left, or the instance reports nothing: the next step is the kernel killing it."
    }
    swap-used = {
      severity = "notify", metric = "SwapUsage", statistic = "Average", compare = ">", limit = { rds = 268435456 }, of = "constant"
      classes  = local.any_class, targets = local.any_instance, period = 60, points = 10, missing = "missing"
      meaning  = "More than 256 MiB are swapped out: memory is short, and latency follows."
    }
    capacity-at-maximum = {
      severity = "notify", metric = "ACUUtilization", statistic = "Average", compare = ">", limit = { aurora = 90 }, of = "constant"
      classes  = ["serverless"], targets = ["member"], period = 60, points = 10, missing = "missing"
      meaning  = "Aurora Serverless has scaled to more than 90 % of its maximum: it cannot grow much further."
    }
    connections-near-limit = {
      severity = "page", metric = "DatabaseConnections", statistic = "Average", compare = ">", limit = { rds = 0.9, aurora = 0.9 }, of = "connections"
      classes  = local.any_class, targets = local.any_instance, period = 60, points = 5, missing = "breaching"
      meaning  = "More than 90 % of max_connections are open, or the instance reports nothing. Soon new ones are refused."
    }
    connections-refused = {
      severity = "page", metric = "RefusedConnection", statistic = "Sum", compare = ">", limit = { rds = 0, aurora = 0 }, of = "constant"
      classes  = local.any_class, targets = ["log"], period = 60, points = 1, missing = "notBreaching"
      meaning  = "PostgreSQL refused a connection because all slots are taken."
    }

    # --- Disk ---------------------------------------------------------------------------------------------------------

    storage-low = {
      severity = "page", metric = "FreeStorageSpace", statistic = "Minimum", compare = "<", limit = { rds = 1 }, of = "storage_reserve"
      classes  = local.any_class, targets = ["primary", "replica"], period = 60, points = 5, missing = "breaching"
      meaning  = "The disk is nearly full, and RDS has not grown it; or the instance reports nothing. Full, it stops."
    }
    local-storage-low = {
      severity = "notify", metric = "FreeLocalStorage", statistic = "Minimum", compare = "<", limit = { aurora = 0.2 }, of = "memory"
      classes  = ["provisioned"], targets = ["member"], period = 60, points = 5, missing = "missing"
      meaning  = "Space for temporary files, about twice the memory, is nearly used up: large sorts and index builds will fail."
    }
    disk-io-credits-low = {
      severity = "notify", metric = "EBSIOBalance%", statistic = "Average", compare = "<", limit = { rds = 10 }, of = "constant"
      classes  = ["ebs_burst"], targets = ["primary", "replica"], period = 300, points = 3, missing = "notBreaching"
      meaning  = "The instance has nearly used up its burst of disk operations and falls back to its class's baseline."
    }
    disk-throughput-credits-low = {
      severity = "notify", metric = "EBSByteBalance%", statistic = "Average", compare = "<", limit = { rds = 10 }, of = "constant"
      classes  = ["ebs_burst"], targets = ["primary", "replica"], period = 300, points = 3, missing = "notBreaching"
      meaning  = "The instance has nearly used up its burst of disk throughput and falls back to its class's baseline."
    }
    read-latency-high = {
      severity = "notify", metric = "ReadLatency", statistic = "p90", compare = ">", limit = { rds = 0.020, aurora = 0.020 }, of = "constant"
      classes  = local.any_class, targets = local.any_instance, period = 60, points = 5, missing = "missing"
      meaning  = "One read from disk in ten takes longer than 20 ms."
    }
    write-latency-high = {
      severity = "notify", metric = "WriteLatency", statistic = "p90", compare = ">", limit = { rds = 0.020, aurora = 0.020 }, of = "constant"
      classes  = local.any_class, targets = local.any_instance, period = 60, points = 5, missing = "missing"
      meaning  = "One write to disk in ten takes longer than 20 ms: so does every commit."
    }

    # --- Replication --------------------------------------------------------------------------------------------------

    replica-lag = {
      severity = "notify", metric = "ReplicaLag", statistic = "Maximum", compare = ">", limit = { rds = 300 }, of = "constant" # an idle source shows up to 300
      classes  = local.any_class, targets = ["replica"], period = 60, points = 10, missing = "breaching"
      meaning  = "The replica shows what was true more than five minutes ago, or reports nothing."
    }
    replica-stopped = {
      severity = "page", metric = "ReplicaLag", statistic = "Minimum", compare = "<=", limit = { rds = -1 }, of = "constant"
      classes  = local.any_class, targets = ["replica"], period = 60, points = 3, missing = "breaching"
      meaning  = "The replica no longer follows its primary, which keeps write-ahead log for it."
    }
    reader-lag = {
      severity = "notify", metric = "AuroraReplicaLag", statistic = "Average", compare = ">", limit = { aurora = 2000 }, of = "constant"
      classes  = local.any_class, targets = ["member"], period = 60, points = 5, missing = "notBreaching" # the writer has none
      meaning  = "The reader is more than two seconds behind; usually it is well below 100 ms."
    }
    slot-lag = {
      severity = "notify", metric = "OldestReplicationSlotLag", statistic = "Maximum", compare = ">", limit = { rds = 0.1 }, of = "storage"
      classes  = local.any_class, targets = ["primary"], period = 60, points = 5, missing = "notBreaching"
      meaning  = "A replication slot keeps write-ahead log worth a tenth of the disk: its reader is gone or slow."
    }
    wal-on-disk = {
      severity = "notify", metric = "TransactionLogsDiskUsage", statistic = "Maximum", compare = ">", limit = { rds = 0.1 }, of = "storage"
      classes  = local.any_class, targets = ["primary"], period = 60, points = 5, missing = "notBreaching"
      meaning  = "Write-ahead log takes a tenth of the disk: a slot, an archiver or a burst of writes keeps it."
    }

    # --- Errors -------------------------------------------------------------------------------------------------------

    transaction-ids-aging = {
      severity = "notify", metric = "MaximumUsedTransactionIDs", statistic = "Average", compare = ">", limit = { rds = 6e8, aurora = 6e8 }, of = "constant"
      classes  = local.any_class, targets = local.may_write, period = 60, points = 1, missing = "missing"
      meaning  = "Vacuum does not keep up with freezing: the oldest transaction is 600 million old, thrice where autovacuum begins."
    }
    transaction-ids-exhausted = {
      severity = "page", metric = "MaximumUsedTransactionIDs", statistic = "Average", compare = ">", limit = { rds = 1e9, aurora = 1e9 }, of = "constant"
      classes  = local.any_class, targets = local.may_write, period = 60, points = 1, missing = "missing"
      meaning  = "Half of all transaction ids are used up. At about 2.1 billion the database stops accepting writes."
    }
    wraparound-warning = {
      severity = "page", metric = "WraparoundWarning", statistic = "Sum", compare = ">", limit = { rds = 0, aurora = 0 }, of = "constant"
      classes  = local.any_class, targets = ["log"], period = 60, points = 1, missing = "notBreaching"
      meaning  = "PostgreSQL itself warns of wraparound, or has stopped accepting writes to avoid it."
    }
    deadlocks = {
      severity = "notify", metric = "Deadlock", statistic = "Sum", compare = ">", limit = { rds = 5, aurora = 5 }, of = "constant"
      classes  = local.any_class, targets = ["log"], period = 300, points = 1, missing = "notBreaching"
      meaning  = "More than five deadlocks in five minutes. The functions of schema api take locks in one order: somebody does not."
    }
    fatal-errors = {
      severity = "notify", metric = "FatalError", statistic = "Sum", compare = ">", limit = { rds = 25, aurora = 25 }, of = "constant"
      classes  = local.any_class, targets = ["log"], period = 300, points = 1, missing = "notBreaching"
      meaning  = "More than 25 sessions in five minutes ended or were turned away: wrong passwords, timeouts, missing databases."
    }

    # --- What surrounds it --------------------------------------------------------------------------------------------

    nat-ports-exhausted = {
      severity = "notify", metric = "ErrorPortAllocation", statistic = "Sum", compare = ">", limit = { rds = 0, aurora = 0 }, of = "constant"
      classes  = local.any_class, targets = ["nat"], period = 60, points = 15, missing = "missing"
      meaning  = "The NAT gateway runs out of ports: services in application subnets cannot reach the internet."
    }
    notifications-failing = {
      severity = "page", metric = "NumberOfNotificationsFailed", statistic = "Sum", compare = ">", limit = { rds = 0, aurora = 0 }, of = "constant"
      classes  = local.any_class, targets = ["topic"], period = 60, points = 5, missing = "notBreaching"
      meaning  = "Notifications do not reach a subscriber of this topic, hence this one comes through the other."
    }

    # --- What scripts/health_check.py finds ---------------------------------------------------------------------------

    health-critical = {
      severity = "page", metric = "Severity", statistic = "Maximum", compare = ">=", limit = { rds = 2, aurora = 2 }, of = "constant"
      classes  = local.any_class, targets = ["health"], period = local.health_period, points = 1, missing = "ignore"
      meaning  = "A health check found something critical inside the database."
    }
    health-warning = {
      severity = "notify", metric = "Severity", statistic = "Maximum", compare = ">=", limit = { rds = 1, aurora = 1 }, of = "constant"
      classes  = local.any_class, targets = ["health"], period = local.health_period, points = 2, missing = "ignore"
      meaning  = "A health check has warned twice in a row."
    }
    integrity-broken = {
      severity = "page", metric = "Severity", statistic = "Maximum", compare = ">=", limit = { rds = 1, aurora = 1 }, of = "constant"
      classes  = local.any_class, targets = ["integrity"], period = local.health_period, points = 1, missing = "ignore" # until the next night's run
      meaning  = "api.verify_integrity() found rows that break the shop's rules. Rings until a run of it finds none."
    }
    integrity-silent = {
      severity = "notify", metric = "Severity", statistic = "SampleCount", compare = "<", limit = { rds = 1, aurora = 1 }, of = "constant"
      classes  = local.any_class, targets = ["integrity"], period = 43200, points = 4, missing = "breaching"
      meaning  = "For two days no run of api.verify_integrity() has come to its end: nobody knows whether the rules still hold."
    }
    health-silent = {
      severity = "notify", metric = "Severity", statistic = "SampleCount", compare = "<", limit = { rds = 1, aurora = 1 }, of = "constant"
      classes  = local.any_class, targets = ["health"], period = local.health_period, points = 2, missing = "breaching"
      meaning  = "Nobody has run the health checks when they were due, twice: their other alarms know nothing."
    }
  }

  # --- What there is to watch -------------------------------------------------------------------------------------------
  #
  # `name` begins the alarm's name, `kind` is what rows call a target, `channel` replaces the row's severity.

  targets = merge(
    { for identifier, instance in var.instances : identifier => {
      name     = identifier, kind = instance.role, kinds_of_class = lookup(local.kinds_of_class, instance.class, [])
      measures = local.measures[identifier], dimensions = { DBInstanceIdentifier = identifier }, channel = null
    } },
    { for identifier in keys(var.log_groups) : "log of ${identifier}" => {
      name = identifier, kind = "log", kinds_of_class = local.any_class, measures = { constant = 1 }, dimensions = {}, channel = null
    } },
    { for zone, id in var.nat_gateways : "nat of ${zone}" => {
      name = "${var.name}-nat-${zone}", kind = "nat", kinds_of_class = local.any_class, measures = { constant = 1 }, dimensions = { NatGatewayId = id }, channel = null
    } },
    { for topic, other in { page = "notify", notify = "page" } : "topic ${topic}" => {
      name                       = "${var.name}-${topic}", kind = "topic", kinds_of_class = local.any_class, measures = { constant = 1 }, dimensions = { TopicName = "${var.name}-${topic}" }, channel = other
    } },
    { for minutes in var.health_check_minutes[*] : "health" => {
      name = var.name, kind = "health", kinds_of_class = local.any_class, measures = { constant = 1 }, dimensions = { DBInstanceIdentifier = var.name, Check = "all" }, channel = null
    } },
    { for minutes in var.health_check_minutes[*] : "integrity" => {
      name = var.name, kind = "integrity", kinds_of_class = local.any_class, measures = { constant = 1 }, dimensions = { DBInstanceIdentifier = var.name, Check = "integrity" }, channel = null
    } },
  )

  alarms = merge([
    for target in local.targets : {
      for key, row in local.alarm_table : "${target.name}/${key}" => {
        runbook     = key
        channel     = coalesce(target.channel, row.severity)
        namespace   = local.metrics[row.metric].namespace
        metric      = target.kind == "log" ? "${target.name}/${row.metric}" : row.metric
        base_metric = row.metric
        dimensions  = target.dimensions
        target      = target.name
        threshold   = row.limit[var.engine] * target.measures[row.of]
        row         = row
      } if contains(keys(row.limit), var.engine) && contains(row.targets, target.kind) && length(setintersection(row.classes, target.kinds_of_class)) > 0
    }
  ]...)

  comparisons = {
    ">"  = "GreaterThanThreshold"
    ">=" = "GreaterThanOrEqualToThreshold"
    "<"  = "LessThanThreshold"
    "<=" = "LessThanOrEqualToThreshold"
  }

  # An alarm on what its engine does not have would never ring. Fails here, with the metric's name, if a row is wrong.
  metrics_of_alarms = { for key, row in local.alarm_table : key => [for engine in keys(row.limit) : local.metrics[row.metric].engines[index(local.metrics[row.metric].engines, engine)]] }
}

resource "aws_cloudwatch_metric_alarm" "main" {
  for_each = local.alarms

  alarm_name        = each.key
  alarm_description = "${each.value.row.meaning} Runbook: ${var.runbooks}/${each.value.runbook}.md"

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.row.statistic, "p") ? null : each.value.row.statistic
  extended_statistic  = startswith(each.value.row.statistic, "p") ? each.value.row.statistic : null
  comparison_operator = local.comparisons[each.value.row.compare]
  threshold           = each.value.threshold
  period              = each.value.row.period
  evaluation_periods  = each.value.row.points
  datapoints_to_alarm = each.value.row.points
  treat_missing_data  = each.value.row.missing

  # A percentile of a handful of requests says nothing.
  evaluate_low_sample_count_percentiles = startswith(each.value.row.statistic, "p") ? "ignore" : null

  actions_enabled = var.actions_enabled
  alarm_actions   = [aws_sns_topic.main[each.value.channel].arn]
  ok_actions      = [aws_sns_topic.main[each.value.channel].arn]

  tags = merge(var.tags, { Name = each.key, Runbook = "${each.value.runbook}.md" })

  depends_on = [terraform_data.guards]
}
