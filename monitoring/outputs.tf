# What a caller, people and tests want to know.

output "topic_arns" {
  description = "The topics `page` and `notify`."
  value       = { for topic, resource in aws_sns_topic.main : topic => resource.arn }
}

output "actions_enabled" {
  description = "Whether alarms and events tell anybody."
  value       = var.actions_enabled
}

output "dashboard_name" {
  description = "The CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.main.dashboard_name
}

output "alarms" {
  description = "Every alarm by name: what it watches, its threshold, whom it tells, its runbook."
  value = { for name, alarm in local.alarms : name => {
    namespace  = alarm.namespace
    metric     = alarm.metric
    dimensions = alarm.dimensions
    threshold  = alarm.threshold
    channel    = alarm.channel
    runbook    = alarm.runbook
  } }
}

output "alarm_table" {
  description = "The rows of alarms.tf: engines, kinds of class and targets of each kind of alarm."
  value = { for key, row in local.alarm_table : key => {
    severity = row.severity
    metric   = row.metric
    engines  = keys(row.limit)
    classes  = row.classes
    targets  = row.targets
  } }
}

output "metrics" {
  description = "The table of metrics.tf: namespace and engines by metric."
  value       = { for name, metric in local.metrics : name => { namespace = metric.namespace, engines = metric.engines } }
}

output "instance_classes" {
  description = "What thresholds are derived from, by class."
  value = { for name, class in local.instance_classes : name => {
    vcpu            = class.vcpu
    memory_gib      = class.memory_gib
    max_connections = local.default_connections[name]
  } }
}
