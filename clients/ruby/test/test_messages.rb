# frozen_string_literal: true

require "helper"
require "date"

# How native values become messages.
class TestMessages < Minitest::Test
  V1 = Tenterhook::V1
  Messages = Tenterhook::Messages

  # Knows its JSON as Rails' values do.
  Money = Struct.new(:cents) do
    def as_json(*) = {"cents" => cents, "currency" => :CHF}
  end

  def event(**fields) = Messages.build(V1::Event, {type: "created", **fields})

  def test_an_event_takes_json_and_times
    time = Time.utc(2026, 3, 6, 15, 11, Rational(23_503_186, 1_000_000))
    made = event(data: {id: 7, name: "Zürich", tags: [1.5, nil, true]}, occur_time: time,
                 snapshots: {prechange: nil, postchange: {id: 7}}, attributes: {"a" => "b", c: "d"})
    assert_equal({"id" => 7, "name" => "Zürich", "tags" => [1.5, nil, true]}, Messages.json_value(made.data))
    assert_includes made.data.json, "Zürich"
    assert_equal time, made.occur_time.to_time
    assert_equal time.to_i, event(occur_time: time.to_datetime).occur_time.seconds
    assert_equal({"id" => 7}, Messages.json_value(made.snapshots.postchange))
    assert_equal({"a" => "b", "c" => "d"}, made.attributes.to_h)
  end

  def test_a_webhook_is_made_of_nested_hashes
    made = Messages.build(V1::Webhook, {
      display_name: "a", "request" => {"url" => "http://x"}, rules: [{event_types: ["created"]}],
      signing: {schemes: ["SIGNATURE_SCHEME_NETBOX", :SIGNATURE_SCHEME_GITHUB]},
      retry: {exponential: {initial: 1.5}}, labels: {team: "a"}
    })
    assert_equal "created", made.rules.first.event_types.first
    assert_equal %i[SIGNATURE_SCHEME_NETBOX SIGNATURE_SCHEME_GITHUB], made.signing.schemes.to_a
    assert_equal [1, 500_000_000], [made.retry.exponential.initial.seconds, made.retry.exponential.initial.nanos]
    assert_equal({"team" => "a"}, made.labels.to_h)
  end

  def test_an_enum_takes_its_values_with_and_without_its_name
    [:SIGNATURE_SCHEME_GITHUB, "GITHUB", :GITHUB].each do |name|
      assert_equal [:SIGNATURE_SCHEME_GITHUB], Messages.build(V1::SigningPolicy, {schemes: [name]}).schemes.to_a
    end
    error = assert_raises(RangeError) { Messages.build(V1::SigningPolicy, {schemes: [:GITLAB]}) }
    assert_match(/schemes: GITLAB is none of .*SIGNATURE_SCHEME_GITHUB/, error.message)
  end

  def test_a_mask_is_a_list_of_paths
    made = Messages.build(V1::UpdateWebhookRequest, {update_mask: [:description, "request.url"]})
    assert_equal ["description", "request.url"], made.update_mask.paths.to_a
  end

  def test_nil_leaves_a_field_unset
    made = event(data: nil, username: nil)
    assert_nil made.data
    assert_equal "", made.username
    assert_nil Messages.json_value(made.data)
  end

  def test_json_null_is_a_document
    assert_equal "null", Messages.json_document(nil).json
  end

  def test_what_json_lacks_is_refused
    error = assert_raises(RangeError) { event(data: {sites: [1, Float::NAN]}) }
    assert_equal "Event: sites[1] is NaN, which JSON has no number for", error.message
    assert_raises(ArgumentError) { event(data: {:id => 1, "id" => 2}) }
    opaque = Object.new
    # Rails gives every object one.
    opaque.singleton_class.undef_method(:as_json) if opaque.respond_to?(:as_json)
    error = assert_raises(TypeError) { event(data: {when: opaque}) }
    assert_equal "Event: when is of type Object, which JSON does not have", error.message
  end

  def test_values_that_know_their_json_are_taken
    made = event(data: {price: Money.new(5)})
    assert_equal({"price" => {"cents" => 5, "currency" => "CHF"}}, Messages.json_value(made.data))
  end

  def test_unknown_fields_and_values_are_refused
    assert_raises(ArgumentError) { event(usrname: "x") }
    assert_raises(ArgumentError) { event(snapshots: {before: nil}) }
    assert_raises(RangeError) { Messages.build(V1::Webhook, {signing: {schemes: [:NONE_SUCH]}}) }
    assert_raises(TypeError) { event(username: 5) }
    assert_raises(TypeError) { Messages.build(V1::Webhook, {rules: "created"}) }
    assert_raises(TypeError) { event(occur_time: 5) }
  end

  def test_a_text_is_no_list
    assert_raises(TypeError) { Messages.build(V1::EventFilter, {event_types: "created"}) }
  end

  def test_an_event_without_id_gets_one_and_the_callers_stays_as_it_is
    mine = V1::Event.new(type: "created")
    made = Messages.event(mine)
    assert_equal 32, made.id.size
    assert_equal "", mine.id
    request = V1::BatchPublishEventsRequest.new(events: [mine])
    refute_empty Messages.request(V1::BatchPublishEventsRequest, request, {}).events.first.id
    assert_equal "", mine.id
  end

  def test_an_id_that_is_there_stays
    assert_equal "mine", Messages.event({type: "created", id: "mine"}).id
  end
end
