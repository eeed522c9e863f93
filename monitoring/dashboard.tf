# The dashboard, top to bottom in the order in which one looks: is anything alarming; how busy; what is short; what goes
# wrong; how slow; do replicas follow; when is the disk full. The primary (Aurora: whoever writes) stands left, replicas
# (Aurora: each instance) right. Lines mark the thresholds of the alarms. Metrics that the engine or the class does not
# have are left out; format: "Dashboard Body Structure and Syntax", Amazon CloudWatch API Reference.

locals {
  dashboard_sections = ["Utilisation", "Saturation", "Errors", "Latency", "Replication", "Storage"]

  dashboard_rows = [
    { section = "Utilisation", title = "CPU", metrics = ["CPUUtilization"], stat = "Average", period = 60, classes = local.any_class, roles = local.any_instance },
    { section = "Utilisation", title = "Active sessions", metrics = ["DBLoad"], stat = "Average", period = 60, classes = local.any_class, roles = local.any_instance },
    { section = "Utilisation", title = "Capacity", metrics = ["ACUUtilization"], stat = "Average", period = 60, classes = ["serverless"], roles = local.any_instance },
    { section = "Utilisation", title = "Free memory", metrics = ["FreeableMemory"], stat = "Average", period = 60, classes = local.any_class, roles = local.any_instance },
    { section = "Utilisation", title = "Buffer cache hits", metrics = ["BufferCacheHitRatio"], stat = "Average", period = 60, classes = local.any_class, roles = local.any_instance },

    { section = "Saturation", title = "Connections", metrics = ["DatabaseConnections"], stat = "Maximum", period = 60, classes = local.any_class, roles = local.any_instance },
    { section = "Saturation", title = "Disk operations", metrics = ["ReadIOPS", "WriteIOPS"], stat = "Average", period = 60, classes = local.any_class, roles = local.any_instance },
    { section = "Saturation", title = "Disk queue", metrics = ["DiskQueueDepth"], stat = "Average", period = 60, classes = local.any_class, roles = local.any_instance },
    { section = "Saturation", title = "CPU credits", metrics = ["CPUCreditBalance"], stat = "Average", period = 300, classes = ["burstable"], roles = local.any_instance },
    { section = "Saturation", title = "Disk burst", metrics = ["EBSIOBalance%", "EBSByteBalance%"], stat = "Average", period = 300, classes = ["ebs_burst"], roles = local.any_instance },
    { section = "Saturation", title = "Swap", metrics = ["SwapUsage"], stat = "Average", period = 60, classes = local.any_class, roles = local.any_instance },
    { section = "Saturation", title = "Network", metrics = ["NetworkReceiveThroughput", "NetworkTransmitThroughput"], stat = "Average", period = 60, classes = local.any_class, roles = local.any_instance },

    { section = "Errors", title = "Oldest transaction id", metrics = ["MaximumUsedTransactionIDs"], stat = "Maximum", period = 300, classes = local.any_class, roles = local.may_write },
    { section = "Errors", title = "Deadlocks", metrics = ["Deadlocks"], stat = "Sum", period = 60, classes = local.any_class, roles = local.any_instance },

    { section = "Latency", title = "Disk latency, 9 of 10 below", metrics = ["ReadLatency", "WriteLatency"], stat = "p90", period = 60, classes = local.any_class, roles = local.any_instance },
    { section = "Latency", title = "Commit latency", metrics = ["CommitLatency"], stat = "Average", period = 60, classes = local.any_class, roles = local.any_instance },

    { section = "Replication", title = "Lag of replicas", metrics = ["ReplicaLag", "AuroraReplicaLag"], stat = "Maximum", period = 60, classes = local.any_class, roles = ["replica", "member"] },
    { section = "Replication", title = "Write-ahead log kept for others", metrics = ["OldestReplicationSlotLag", "TransactionLogsDiskUsage"], stat = "Maximum", period = 60, classes = local.any_class, roles = ["primary"] },

    { section = "Storage", title = "Free disk", metrics = ["FreeStorageSpace"], stat = "Minimum", period = 300, classes = local.any_class, roles = local.any_instance },
    { section = "Storage", title = "Free local disk", metrics = ["FreeLocalStorage"], stat = "Minimum", period = 300, classes = ["provisioned"], roles = local.any_instance },
  ]

  # --- From rows to series ------------------------------------------------------------------------------------------------

  rows_here = [
    for row in [
      for row in local.dashboard_rows : merge(row, {
        metrics = [for metric in row.metrics : metric if contains(local.metrics[metric].engines, var.engine)]
        instances = { for identifier, instance in var.instances : identifier => instance.role
        if contains(row.roles, instance.role) && length(setintersection(row.classes, lookup(local.kinds_of_class, instance.class, []))) > 0 }
      })
    ] : row if length(row.metrics) > 0 && length(row.instances) > 0
  ]

  row_sides = [
    for row in local.rows_here : merge(row, { sides = [
      for side in [
        {
          who = var.engine == "rds" ? "primary" : "writer"
          series = concat(
            concat([for metric in row.metrics : [
              for identifier, role in row.instances : [local.metrics[metric].namespace, metric, "DBInstanceIdentifier", identifier, { label = "${identifier} ${metric}" }] if role == "primary"
            ]]...),
            [for metric in row.metrics : [local.metrics[metric].namespace, metric, "DBClusterIdentifier", coalesce(var.cluster, "none"), "Role", "WRITER", { label = "writer ${metric}" }] if var.engine == "aurora" && local.metrics[metric].by_role],
          )
        },
        {
          who = var.engine == "rds" ? "replicas" : "each instance"
          series = concat([for metric in row.metrics : [
            for identifier, role in row.instances : [local.metrics[metric].namespace, metric, "DBInstanceIdentifier", identifier, { label = "${identifier} ${metric}" }] if role != "primary"
          ]]...)
        },
      ] : side if length(side.series) > 0
    ] })
  ]

  # --- From series to lines of widgets: each is a height, and widgets without their y -----------------------------------

  metric_lines = [
    for row in local.row_sides : { section = row.section, height = 6, widgets = [
      for number, side in row.sides : {
        type = "metric", x = number * 24 / length(row.sides), width = 24 / length(row.sides)
        properties = {
          title   = "${row.title}: ${side.who}"
          region  = var.region
          view    = "timeSeries"
          stacked = false
          stat    = row.stat
          period  = row.period
          metrics = side.series
          yAxis   = { left = { min = contains(row.metrics, "ReplicaLag") ? -1 : 0, label = local.metrics[row.metrics[0]].unit, showUnits = false } } # -1: replication has stopped
          annotations = { horizontal = distinct([
            for key, alarm in local.alarms : { label = alarm.runbook, value = alarm.threshold, color = alarm.channel == "page" ? "#d62728" : "#ff7f0e" }
            if contains(row.metrics, alarm.base_metric) && contains([for series in side.series : series[3]], alarm.target)
          ]) }
        }
      }
    ] }
  ]

  # A widget takes a hundred alarms.
  alarm_chunks = { for channel in ["page", "notify"] : channel => chunklist([for key, alarm in local.alarms : aws_cloudwatch_metric_alarm.main[key].arn if alarm.channel == channel], 100) }

  alarm_lines = [
    for part in range(max(length(local.alarm_chunks.page), length(local.alarm_chunks.notify))) : { section = "Alarms", height = 6, widgets = [
      for number, channel in ["page", "notify"] : {
        type = "alarm", x = 12 * number, width = 12
        properties = {
          title  = channel == "page" ? "Page: a customer feels it" : "Notify: in the morning"
          sortBy = "stateUpdatedTimestamp"
          alarms = local.alarm_chunks[channel][part]
        }
      } if part < length(local.alarm_chunks[channel])
    ] }
  ]

  log_lines = [for metrics in length(var.log_groups) > 0 ? [keys(local.log_patterns)] : [] : { section = "Errors", height = 6, widgets = [
    for number, metric in metrics : {
      type = "metric", x = 6 * number, width = 6
      properties = {
        title   = "Log: ${metric}"
        region  = var.region
        view    = "timeSeries"
        stacked = true
        stat    = "Sum"
        period  = 300
        metrics = [for identifier in keys(var.log_groups) : [local.logs_namespace, "${identifier}/${metric}", { label = identifier }]]
      }
    }
  ] }]

  surrounding_series = concat(
    [for topic in local.topics : ["AWS/SNS", "NumberOfNotificationsFailed", "TopicName", "${var.name}-${topic}", { label = "${topic} not delivered" }]],
    [for zone, id in var.nat_gateways : ["AWS/NATGateway", "ErrorPortAllocation", "NatGatewayId", id, { label = "${zone} NAT ports" }]],
  )

  surrounding_line = { section = "Errors", height = 6, widgets = concat(
    [{
      type       = "metric", x = 0, width = 12
      properties = { title = "Notifications and NAT", region = var.region, view = "timeSeries", stacked = false, stat = "Sum", period = 300, metrics = local.surrounding_series }
    }],
    [for minutes in var.health_check_minutes[*] : {
      type = "metric", x = 12, width = 12
      properties = {
        title   = "Health checks: 1 warns, 2 is critical", region = var.region, view = "timeSeries", stacked = false, period = 60 * minutes
        metrics = [[{ expression = "SEARCH('{${local.health_namespace},Check,DBInstanceIdentifier} MetricName=\"Severity\" DBInstanceIdentifier=\"${var.name}\"', 'Maximum', ${60 * minutes})", id = "health", label = "" }]]
      }
    }],
  ) }

  # Days until the disk is full if it goes on filling as in this hour; 365 where it does not.
  runway_lines = [for identifiers in var.engine == "rds" ? [keys(var.instances)] : [] : { section = "Storage", height = 6, widgets = [{
    type = "metric", x = 0, width = 24
    properties = {
      title = "Days until the disk is full", region = var.region, view = "timeSeries", stacked = false, stat = "Average", period = 3600
      yAxis = { left = { min = 0, max = 365, label = "days", showUnits = false } }
      metrics = concat(
        [for number, identifier in identifiers : ["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", identifier, { id = "free${number}", visible = false }]],
        [for number, identifier in identifiers : [{ expression = "IF(RATE(free${number}) < 0, free${number} / ABS(RATE(free${number})) / 86400, 365)", id = "days${number}", label = identifier }]],
      )
    }
  }] }]

  volume_lines = [for cluster in var.engine == "aurora" ? var.cluster[*] : [] : { section = "Storage", height = 6, widgets = [{
    type = "metric", x = 0, width = 24
    properties = {
      title   = "Size of the volume", region = var.region, view = "timeSeries", stacked = false, stat = "Average", period = 3600
      metrics = [["AWS/RDS", "VolumeBytesUsed", "DBClusterIdentifier", cluster, { label = cluster }]]
    }
  }] }]

  # --- Put together, and the lines placed below each other ----------------------------------------------------------------

  dashboard_lines = concat(
    local.alarm_lines,
    concat([
      for section in local.dashboard_sections : concat(
        [{ section = section, height = 1, widgets = [{ type = "text", x = 0, width = 24, properties = { markdown = "## ${section}", background = "transparent" } }] }],
        [for line in concat(local.metric_lines, local.log_lines, [local.surrounding_line], local.runway_lines, local.volume_lines) : line if line.section == section],
      )
    ]...),
  )

  line_heights = [for line in local.dashboard_lines : line.height]

  dashboard = {
    start          = "-PT6H"
    periodOverride = "inherit"
    widgets = concat([
      for number, line in local.dashboard_lines : [
        for widget in line.widgets : merge(widget, { y = sum(concat([0], slice(local.line_heights, 0, number))), height = line.height })
      ]
    ]...)
  }
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = var.name
  dashboard_body = jsonencode(local.dashboard)
}
