# frozen_string_literal: true

# The calls of the API reference, each between its marks; they run against the server of the harness.
module Reference

  def self.create_token(client)
    # ANCHOR: CreateToken
    response = client.access.create_token(role: "viewer", display_name: "support", lifetime: 3600)
    # ANCHOR_END: CreateToken
    response
  end

  def self.list_tokens(client)
    # ANCHOR: ListTokens
    response = client.access.list_tokens(page_size: 100)
    # ANCHOR_END: ListTokens
    response
  end

  def self.revoke_token(client)
    # ANCHOR: RevokeToken
    response = client.access.revoke_token(token_id: "tok_00000000000000000000000000")
    # ANCHOR_END: RevokeToken
    response
  end

  def self.get_delivery(client)
    # ANCHOR: GetDelivery
    response = client.deliveries.get_delivery(delivery_id: "dlv_00000000000000000000000000")
    # ANCHOR_END: GetDelivery
    response
  end

  def self.retry_delivery(client)
    # ANCHOR: RetryDelivery
    response = client.deliveries.retry_delivery(delivery_id: "dlv_00000000000000000000000000")
    # ANCHOR_END: RetryDelivery
    response
  end

  def self.batch_retry_deliveries(client)
    # ANCHOR: BatchRetryDeliveries
    response = client.deliveries.batch_retry_deliveries(
      filter: {webhook_ids: ["wh_00000000000000000000000000"], states: [:FAILED]},
      validate_only: true
    )
    # ANCHOR_END: BatchRetryDeliveries
    response
  end

  def self.cancel_delivery(client)
    # ANCHOR: CancelDelivery
    response = client.deliveries.cancel_delivery(delivery_id: "dlv_00000000000000000000000000")
    # ANCHOR_END: CancelDelivery
    response
  end

  def self.batch_cancel_deliveries(client)
    # ANCHOR: BatchCancelDeliveries
    response = client.deliveries.batch_cancel_deliveries(
      filter: {webhook_ids: ["wh_00000000000000000000000000"]},
      validate_only: true
    )
    # ANCHOR_END: BatchCancelDeliveries
    response
  end

  def self.get_delivery_stats(client)
    # ANCHOR: GetDeliveryStats
    response = client.deliveries.get_delivery_stats(
      webhook_id: "wh_00000000000000000000000000",
      window: 86_400,
      bucket_width: 3600
    )
    # ANCHOR_END: GetDeliveryStats
    response
  end

  def self.get_event(client)
    # ANCHOR: GetEvent
    response = client.events.get_event(event_id: "site-7")
    # ANCHOR_END: GetEvent
    response
  end

  def self.explain_event(client)
    # ANCHOR: ExplainEvent
    response = client.events.explain_event(event_id: "site-7")
    # ANCHOR_END: ExplainEvent
    response
  end

  def self.replay_events(client)
    # ANCHOR: ReplayEvents
    response = client.events.replay_events(
      webhook_id: "wh_00000000000000000000000000",
      filter: {event_types: ["created"]},
      validate_only: true
    )
    # ANCHOR_END: ReplayEvents
    response
  end

  def self.get_server_info(client)
    # ANCHOR: GetServerInfo
    response = client.server.get_server_info
    # ANCHOR_END: GetServerInfo
    response
  end

  def self.list_namespaces(client)
    # ANCHOR: ListNamespaces
    response = client.server.list_namespaces(page_size: 100)
    # ANCHOR_END: ListNamespaces
    response
  end

  def self.get_webhook(client)
    # ANCHOR: GetWebhook
    response = client.webhooks.get_webhook(webhook_id: "wh_00000000000000000000000000")
    # ANCHOR_END: GetWebhook
    response
  end

  def self.update_webhook(client)
    # ANCHOR: UpdateWebhook
    response = client.webhooks.update_webhook(
      webhook: {id: "wh_00000000000000000000000000", description: "sites of the warehouse"},
      update_mask: ["description"]
    )
    # ANCHOR_END: UpdateWebhook
    response
  end

  def self.delete_webhook(client)
    # ANCHOR: DeleteWebhook
    response = client.webhooks.delete_webhook(webhook_id: "wh_00000000000000000000000000")
    # ANCHOR_END: DeleteWebhook
    response
  end

  def self.pause_webhook(client)
    # ANCHOR: PauseWebhook
    response = client.webhooks.pause_webhook(
      webhook_id: "wh_00000000000000000000000000",
      reason: "receiver is being moved"
    )
    # ANCHOR_END: PauseWebhook
    response
  end

  def self.resume_webhook(client)
    # ANCHOR: ResumeWebhook
    response = client.webhooks.resume_webhook(webhook_id: "wh_00000000000000000000000000")
    # ANCHOR_END: ResumeWebhook
    response
  end

  def self.rotate_signing_key(client)
    # ANCHOR: RotateSigningKey
    response = client.webhooks.rotate_signing_key(
      webhook_id: "wh_00000000000000000000000000",
      grace_period: 86_400
    )
    # ANCHOR_END: RotateSigningKey
    response
  end

  def self.revoke_signing_key(client)
    # ANCHOR: RevokeSigningKey
    response = client.webhooks.revoke_signing_key(
      webhook_id: "wh_00000000000000000000000000",
      key_id: "key_00000000000000000000000000"
    )
    # ANCHOR_END: RevokeSigningKey
    response
  end

  def self.render_preview(client)
    # ANCHOR: RenderPreview
    response = client.webhooks.render_preview(webhook_id: "wh_00000000000000000000000000", event_id: "site-7")
    # ANCHOR_END: RenderPreview
    response
  end

  def self.test_webhook(client)
    # ANCHOR: TestWebhook
    response = client.webhooks.test_webhook(webhook_id: "wh_00000000000000000000000000", event_id: "site-7")
    # ANCHOR_END: TestWebhook
    response
  end

  def self.publish_event(client)
    # ANCHOR: PublishEvent
    result = client.publish("created", id: "site-7", object_type: "dcim.site", data: {name: "Zürich"})
    puts result.event_id, result.delivery_count
    # ANCHOR_END: PublishEvent
    result
  end

  def self.batch_publish_events(client)
    # ANCHOR: BatchPublishEvents
    results = client.publish_batch(Array.new(100) { |n| {type: "created", data: {id: n}} })
    # ANCHOR_END: BatchPublishEvents
    results
  end

  def self.stream_publish_events(client)
    # ANCHOR: StreamPublishEvents
    events = Enumerator.new { |sink| 100.times { |n| sink << {type: "created", data: {id: n}} } }
    client.publish_stream(events) do |ack|
      warn "#{ack.sequence}: #{ack.error.message}" if ack.error
    end
    # ANCHOR_END: StreamPublishEvents
  end

  def self.create_webhook(client)
    # ANCHOR: CreateWebhook
    webhook, secret = client.create_webhook({
      display_name: "sites",
      request: {url: "https://example.com/hook"},
      rules: [{event_types: ["created", "updated"], object_types: ["dcim.site"]}],
      signing: {schemes: [:STANDARD_WEBHOOKS]}
    })
    # ANCHOR_END: CreateWebhook
    [webhook, secret]
  end

  def self.list_webhooks(client)
    # ANCHOR: ListWebhooks
    client.list_webhooks(labels: {team: "net"}).each { |webhook| puts webhook.id, webhook.display_name }
    # ANCHOR_END: ListWebhooks
  end

  def self.list_events(client)
    # ANCHOR: ListEvents
    client.list_events(event_types: ["created"]).each { |event| puts event.id, event.type }
    # ANCHOR_END: ListEvents
  end

  def self.list_deliveries(client)
    # ANCHOR: ListDeliveries
    client.list_deliveries(states: [:FAILED]).each { |delivery| puts delivery.id, delivery.event_id }
    # ANCHOR_END: ListDeliveries
  end

  def self.watch_deliveries(client)
    # ANCHOR: WatchDeliveries
    client.watch(position: :EARLIEST) do |watch|
      change, token = watch.next # and so on, in a loop
      puts change.delivery.id, change.delivery.state, token
    end
    # ANCHOR_END: WatchDeliveries
  end
end
