# What to watch. What AWS can never accept is a validation; what fits only together with something else is a
# precondition in guards.tf, so that it never stands in the way of a destroy.

variable "name" {
  description = "First part of the names of topics, event subscriptions and the dashboard. For terraform/ it is <project>-<environment>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name))
    error_message = "name is \"${var.name}\". Write lower-case letters, digits and single hyphens, a letter first, like shop-production."
  }
}

variable "engine" {
  description = "rds or aurora: which metrics there are, and which alarms make sense."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["rds", "aurora"], var.engine)
    error_message = "engine is \"${var.engine}\". Set it to rds or aurora."
  }
}

variable "region" {
  description = "The region of the database, which the dashboard's widgets must name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is \"${var.region}\". Name a region without the zone's letter, like eu-west-1."
  }
}

variable "instances" {
  description = "What to watch, by DB instance identifier. `role`: primary or replica (engine rds), member (engine aurora, where a failover changes who writes). `allocated_gib` and `max_gib`: the disk of engine rds, and where its autoscaling ends. `max_connections`: only if it is set by hand."
  type = map(object({
    role            = string
    class           = string
    allocated_gib   = optional(number)
    max_gib         = optional(number)
    max_connections = optional(number)
  }))
  nullable = false

  validation {
    condition     = length(var.instances) > 0
    error_message = "instances is empty. Name at least one: there is nothing to watch."
  }

  validation {
    condition     = alltrue([for instance in values(var.instances) : contains(["primary", "replica", "member"], instance.role)])
    error_message = "instances has a role that is none. Set role to primary or replica (engine rds), or member (engine aurora)."
  }
}

variable "cluster" {
  description = "The DB cluster identifier of engine aurora."
  type        = string
  default     = null
}

variable "serverless" {
  description = "The range of class db.serverless, in ACUs."
  type = object({
    min_acu = number
    max_acu = number
  })
  default = null
}

variable "classes" {
  description = "Instance classes that instance_classes.tf does not know yet, or knows wrongly."
  type = map(object({
    vcpu       = number
    memory_gib = number
  }))
  nullable = false
  default  = {}
}

variable "log_groups" {
  description = "The PostgreSQL log group of each instance or, with engine aurora, of the cluster, by identifier."
  type        = map(string)
  nullable    = false
  default     = {}
}

variable "nat_gateways" {
  description = "NAT gateway ids by zone."
  type        = map(string)
  nullable    = false
  default     = {}
}

variable "parameter_groups" {
  description = "DB parameter groups whose changes are reported. None means every group of the account."
  type        = list(string)
  nullable    = false
  default     = []
}

variable "kms_key" {
  description = "A customer-managed key for the topics, whose policy lets cloudwatch.amazonaws.com, events.rds.amazonaws.com and budgets.amazonaws.com use it. Left out, one is made."
  type = object({
    arn = string
  })
  default = null
}

variable "actions_enabled" {
  description = "Whether alarms and events tell anybody. Off, they still show their state."
  type        = bool
  nullable    = false
  default     = true
}

variable "subscribers" {
  description = "Who is told, by a name of your choice. `page` wakes somebody, `notify` waits until the morning. An e-mail address must confirm. An endpoint that holds a key (https) stands in the state."
  type = object({
    page   = optional(map(object({ protocol = string, endpoint = string })), {})
    notify = optional(map(object({ protocol = string, endpoint = string })), {})
  })
  nullable = false
  default  = {}

  validation {
    condition     = alltrue([for subscriber in concat(values(var.subscribers.page), values(var.subscribers.notify)) : contains(["email", "email-json", "https", "lambda", "sms", "sqs"], subscriber.protocol)])
    error_message = "subscribers has a protocol that is none, or not safe. Set it to email, email-json, https, lambda, sms or sqs: over http everybody reads along."
  }
}

variable "health_check_minutes" {
  description = "How often scripts/health_check.py --publish runs. Left out, nobody runs it, and there are no alarms that would wait for it."
  type        = number
  default     = null

  validation {
    condition     = var.health_check_minutes == null ? true : contains(range(1, 721), var.health_check_minutes)
    error_message = "health_check_minutes is ${coalesce(var.health_check_minutes, 0)}. Write whole minutes from 1 to 720: CloudWatch looks back one day, and two runs must fit."
  }
}

variable "runbooks" {
  description = "Where docs/runbooks/ is to be read, without a slash at its end: a link in an alarm at night should need one click. The default is its path in the repository."
  type        = string
  nullable    = false
  default     = "docs/runbooks"

  validation {
    condition     = !endswith(var.runbooks, "/")
    error_message = "runbooks is \"${var.runbooks}\". Leave out the slash at its end."
  }
}

variable "tags" {
  description = "Tags on everything, beside the provider's default_tags."
  type        = map(string)
  nullable    = false
  default     = {}
}
