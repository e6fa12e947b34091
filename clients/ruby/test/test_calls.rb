# frozen_string_literal: true

require "fakes"

# Deadlines, retries, errors and headers of single calls, against a scripted server.
class TestCalls < FakeTest
  AWAY = Refuse.new(:UNAVAILABLE)

  def test_publish_retries_under_one_id
    @server.script(AWAY, AWAY, published("e"))
    assert_equal "e", client.publish("created", data: {id: 1}).event_id
    ids = @server.taken.map { |request| request.event.id }
    assert_equal [3, 1], [ids.size, ids.uniq.size]
    refute_empty ids.first
  end

  def test_a_publish_that_succeeds_is_sent_once
    @server.script(published("mine"))
    client.publish("created", id: "mine")
    assert_equal(["mine"], @server.taken.map { |request| request.event.id })
  end

  def test_a_test_of_a_webhook_may_take_as_long_as_an_attempt
    left = []
    answer = lambda do |_request, call|
      left << (call.deadline - Time.now)
      V1::TestWebhookResponse.new
    end
    @server.script(answer, answer)
    client.webhooks.test_webhook(webhook_id: "wh")
    connect(timeout: 20).webhooks.test_webhook(webhook_id: "wh")
    assert_in_delta 70, left.first, 10
    assert_in_delta 20, left.last, 5
  end

  def test_unavailable_is_retried_even_where_nothing_is_idempotent
    @server.script(AWAY, V1::RetryDeliveryResponse.new)
    client.deliveries.retry_delivery(delivery_id: "dlv")
    assert_equal 2, @server.taken.size
  end

  def test_retry_info_is_the_least_wait
    limited = Refuse.new(:RESOURCE_EXHAUSTED, "slow", Refuse.info("RATE_LIMITED"), Refuse.retry_after(0.3))
    @server.script(limited, published("e"))
    start = Tenterhook.monotonic
    client.publish("created")
    assert_operator Tenterhook.monotonic - start, :>=, 0.3
  end

  def test_retry_info_alone_repeats_no_call_that_is_not_idempotent
    @server.script(Refuse.new(:RESOURCE_EXHAUSTED, "slow", Refuse.retry_after(0.01)))
    error = assert_raises(Tenterhook::Error) { client.deliveries.retry_delivery(delivery_id: "dlv") }
    assert_equal [:RESOURCE_EXHAUSTED, 0.01], [error.code, error.retry_after]
  end

  def test_a_wait_beyond_the_deadline_is_not_begun
    @server.script(Refuse.new(:UNAVAILABLE, "away", Refuse.retry_after(0.9)))
    assert_raises(Tenterhook::Unavailable) { client.webhooks.get_webhook(webhook_id: "wh", timeout: 0.8) }
    assert_equal 1, @server.taken.size
  end

  def test_other_errors_are_raised_at_once
    %i[INTERNAL DEADLINE_EXCEEDED INVALID_ARGUMENT].each do |code|
      @server.script(Refuse.new(code))
      error = assert_raises(Tenterhook::Error) { client.publish("created") }
      assert_equal code, error.code
    end
    assert_equal 3, @server.taken.size
  end

  def test_retries_can_be_turned_off
    @server.script(AWAY)
    once = Tenterhook::Client.new(@server.target, retry_policy: Tenterhook::RetryPolicy.new(enabled: false))
    @clients << once
    assert_raises(Tenterhook::Unavailable) { once.publish("created") }
  end

  def test_an_error_has_reason_fields_and_metadata
    fields = Refuse.fields("event.type": "is required")
    @server.script(Refuse.new(:INVALID_ARGUMENT, "bad", Refuse.info("INVALID_FIELD", limit: "5"), fields))
    error = assert_raises(Tenterhook::Invalid) { client.publish("") }
    assert_equal [:INVALID_FIELD, {"limit" => "5"}, "bad"], [error.reason, error.metadata, error.detail]
    assert_equal [%w[event.type] + ["is required"]], error.field_violations.map(&:to_a)
    assert_equal "INVALID_ARGUMENT INVALID_FIELD: bad", error.message
  end

  def test_a_reason_of_another_domain_or_a_newer_server_is_none
    foreign = Google::Rpc::ErrorInfo.new(domain: "other", reason: "INVALID_FIELD")
    @server.script(Refuse.new(:INTERNAL, "a", foreign), Refuse.new(:INTERNAL, "b", Refuse.info("OF_TOMORROW")))
    2.times { assert_nil assert_raises(Tenterhook::Error) { client.publish("created") }.reason }
  end

  def test_details_that_are_garbage_hide_no_error
    status = GRPC::BadStatus.new(5, "none", {"grpc-status-details-bin" => "\xff\xff"})
    assert_kind_of Tenterhook::NotFound, Tenterhook::Status.read(status)
  end

  # Does what those for tracing do: notes each call and how it ends, and adds to its metadata.
  class Tracing < GRPC::ClientInterceptor
    attr_reader :spans

    def request_response(method:, metadata:, **)
      span = [method.rpartition("/").last, 0]
      (@spans ||= []) << span
      metadata["traceparent"] = "00-#{@spans.size}"
      yield
    rescue GRPC::BadStatus => error
      span[1] = error.code
      raise
    end

    alias server_streamer request_response
    alias bidi_streamer request_response
  end

  def test_interceptors_see_every_try
    tracing = Tracing.new
    mine = connect(api_key: "th_x", interceptors: [tracing])
    @server.script(AWAY, published("e"), V1::RetryDeliveryResponse.new)
    mine.publish("created")
    mine.deliveries.retry_delivery(delivery_id: "dlv")
    assert_equal [["PublishEvent", 14], ["PublishEvent", 0], ["RetryDelivery", 0]], tracing.spans
    sent = @server.taken(@server.metadata)
    assert_equal(%w[00-1 00-2 00-3], sent.map { |one| one["traceparent"] })
    assert_equal(["Bearer th_x"] * 3, sent.map { |one| one["authorization"] })
  end

  def test_what_interceptors_add_is_sent_with_watches_and_streams
    mine = connect(api_key: "th_x", interceptors: [GRPC::ClientInterceptor.new, tracing = Tracing.new])
    change = V1::WatchDeliveriesResponse.new(resume_token: "t", change: V1::DeliveryChange.new)
    @server.script([change, FakeServer::HOLD], V1::StreamPublishEventsResponse.new)
    mine.watch { |watch| watch.each.first }
    mine.publish_stream([{type: "created"}]).to_a
    assert_equal %w[WatchDeliveries StreamPublishEvents], tracing.spans.map(&:first)
    sent = @server.taken(@server.metadata)
    assert_equal([["00-1", "Bearer th_x"], ["00-2", "Bearer th_x"]],
                 sent.map { |one| [one["traceparent"], one["authorization"]] })
  end

  def test_the_key_and_the_programs_headers_are_sent
    @server.script(published("a"), published("b"))
    keys = %w[th_one th_two]
    mine = connect(api_key: -> { keys.shift }, headers: -> { {"TraceParent" => "00-1"} })
    2.times { mine.publish("created") }
    sent = @server.taken(@server.metadata)
    assert_equal(["Bearer th_one", "Bearer th_two"], sent.map { |one| one["authorization"] })
    assert_equal "00-1", sent.first["traceparent"]
  end

  def test_the_clients_namespace_is_used_where_none_is_given
    @server.script(published("a"), published("b"), V1::ListWebhooksResponse.new)
    mine = connect(namespace: "mine")
    mine.publish("created")
    mine.publish("created", namespace: "other")
    mine.list_webhooks.to_a
    first, second, third = @server.taken
    assert_equal %w[mine other mine], [first.event.namespace, second.event.namespace, third.namespace]
  end

  def test_create_webhook_returns_the_secret_and_repeats_under_one_request_id
    response = V1::CreateWebhookResponse.new(webhook: V1::Webhook.new(id: "wh"), signing_secret: "whsec_x")
    @server.script(AWAY, response)
    webhook, secret = client.create_webhook({display_name: "a", signing: {schemes: ["SIGNATURE_SCHEME_NETBOX"]}})
    assert_equal %w[wh whsec_x], [webhook.id, secret]
    first, second = @server.taken
    assert_equal [:SIGNATURE_SCHEME_NETBOX], first.webhook.signing.schemes.to_a
    assert_equal first.request_id, second.request_id
    refute_empty first.request_id
  end

  def test_lists_turn_the_pages_as_they_are_asked_for
    pages = [["a", "b"], ["c"]].zip(["next", ""]).map do |ids, token|
      V1::ListEventsResponse.new(events: ids.map { |id| V1::Event.new(id: id) }, next_page_token: token)
    end
    @server.script(*pages)
    list = client.list_events(event_types: ["created"], page_size: 2)
    assert_equal "a", list.first.id
    assert_equal 1, @server.taken.size
    @server.script(*pages)
    @server.answers.pop
    assert_equal(%w[a b c], list.map(&:id))
    first, second = @server.taken
    assert_equal ["created", "", "next"], [first.filter.event_types.first, first.page_token, second.page_token]
  end

  def test_a_list_of_deliveries_says_where_to_watch
    @server.script(V1::ListDeliveriesResponse.new(resume_token: "r", deliveries: [V1::Delivery.new(id: "d")]))
    list = client.list_deliveries(states: [:DELIVERY_STATE_FAILED])
    assert_equal [["d"], "r"], [list.map(&:id), list.resume_token]
  end

  def test_a_stream_acknowledges_each_event
    reason = :ERROR_REASON_INVALID_FIELD
    bad = V1::PublishError.new(code: 3, reason: reason, field: "event.type", message: "event.type: is required")
    @server.script(V1::StreamPublishEventsResponse.new(result: V1::PublishResult.new(event_id: "a")),
                   V1::StreamPublishEventsResponse.new(error: bad))
    acks = client.publish_stream([{type: "created", id: "a"}, {"type" => ""}]).to_a
    assert_equal [0, 1], acks.map(&:sequence)
    assert_equal "a", acks.first.result.event_id
    assert_kind_of Tenterhook::Invalid, acks.last.error
    assert_equal ["event.type", "is required"], acks.last.error.field_violations.first.to_a
  end

  def test_lazy_enumerators_are_events_too
    @server.script(*Array.new(2) { V1::StreamPublishEventsResponse.new(result: V1::PublishResult.new(event_id: "a")) },
                   V1::BatchPublishEventsResponse.new(results: [V1::PublishResult.new(event_id: "b")] * 2))
    events = (1..2).lazy.map { |n| {type: "created", data: n} }
    assert_equal [0, 1], client.publish_stream(events).map(&:sequence)
    assert_equal %w[b b], client.publish_batch(events).map(&:event_id)
  end

  def test_an_error_of_the_block_of_a_stream_is_the_callers_own
    @server.script(V1::StreamPublishEventsResponse.new(result: V1::PublishResult.new(event_id: "a")))
    own = GRPC::NotFound.new("of another client")
    raised = assert_raises(GRPC::NotFound) { client.publish_stream([{type: "created"}]) { raise own } }
    assert_same own, raised
  end

  def test_a_stream_whose_source_waits_for_ever_can_be_left
    @server.script(V1::StreamPublishEventsResponse.new(result: V1::PublishResult.new(event_id: "a")))
    reader = nil
    source = Enumerator.new do |sink|
      reader = Thread.current
      sink << {type: "created"}
      Queue.new.pop
    end
    client.publish_stream(source) { break }
    assert reader.join(10), "the source is still read"
  end

  def test_a_bad_target_is_refused
    ["hooks.example.com", "ftp://hooks.example.com", "https://", ":1", "::1"].each do |target|
      error = assert_raises(ArgumentError) { Tenterhook::Client.new(target) }
      assert_includes error.message, "target"
    end
  end

  def test_a_key_is_not_sent_without_tls
    assert_raises(ArgumentError) { Tenterhook::Client.new("http://hooks.example.com:80", api_key: "th_secret") }
  end

  def test_the_key_is_not_printed
    mine = connect(api_key: "th_secret")
    refute_includes mine.inspect, "th_secret"
    refute_includes mine.webhooks.inspect, "th_secret"
  end

  def test_an_unknown_keyword_is_refused
    assert_raises(ArgumentError) { client.webhooks.get_webhook(webhok_id: "wh") }
    error = assert_raises(ArgumentError) { client.publish("created", usrname: "x") }
    assert_includes error.message, "Event has no field usrname"
  end

  def test_an_event_that_is_no_hash_is_refused
    error = assert_raises(TypeError) { client.publish_batch(["created"]) }
    assert_includes error.message, "not a String"
  end

  def test_a_channel_that_was_closed_meanwhile_is_a_closed_client
    client.session.close
    assert_raises(Tenterhook::Closed) { client.publish("created") }
    assert_raises(Tenterhook::Closed) { client.publish_stream([]).to_a }
  end

  def test_a_message_is_taken_too
    @server.script(V1::GetWebhookResponse.new(webhook: V1::Webhook.new(id: "wh")))
    message = V1::GetWebhookRequest.new(webhook_id: "wh")
    assert_equal "wh", client.webhooks.get_webhook(message).webhook.id
    assert_raises(ArgumentError) { client.webhooks.get_webhook(message, webhook_id: "wh") }
  end

  def test_a_ping_with_a_key_that_may_only_publish_is_one
    @server.script(V1::GetServerInfoResponse.new, Refuse.new(:PERMISSION_DENIED), Refuse.new(:UNAUTHENTICATED))
    2.times { assert_nil client.ping }
    assert_raises(Tenterhook::Error) { client.ping }
  end

  def test_a_retry_is_logged_at_debug_only
    @server.script(AWAY, Refuse.new(:NOT_FOUND))
    lines = logged { assert_raises(Tenterhook::NotFound) { client.get_delivery("dlv") } }
    assert_equal 1, lines.size
    assert_match(/DEBUG.*GetDelivery failed 1 times/, lines.first)
  end

  def test_every_service_has_its_calls
    services = {access: V1::AccessService, deliveries: V1::DeliveryService, events: V1::EventService,
                server: V1::ServerService, webhooks: V1::WebhookService}
    services.each do |name, service|
      unary = service::Service.rpc_descs.select { |_, description| description.request_response? }.keys
      wanted = unary.map { |one| GRPC::GenericService.underscore(one.to_s).to_sym }
      assert_empty wanted - client.public_send(name).public_methods
    end
  end
end
