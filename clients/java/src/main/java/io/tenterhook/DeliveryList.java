package io.tenterhook;

import io.tenterhook.v1.Delivery;
import io.tenterhook.v1.DeliveryServiceGrpc;
import io.tenterhook.v1.ListDeliveriesRequest;
import java.util.Iterator;

/** A list of deliveries, page by page as it is asked for, and the place where it was taken. */
public final class DeliveryList implements Iterable<Delivery> {
  private final Iterable<Delivery> pages;
  private String resumeToken = "";

  DeliveryList(Client client, ListDeliveriesRequest.Builder request) {
    pages = Pages.of(request.getPageToken(), token -> {
      var response = client.call(DeliveryServiceGrpc.getListDeliveriesMethod(), request.setPageToken(token).build());
      if (!response.getResumeToken().isEmpty()) {
        resumeToken = response.getResumeToken();
      }
      return new Pages.Page<>(response.getDeliveriesList(), response.getNextPageToken());
    });
  }

  @Override
  public Iterator<Delivery> iterator() {
    return pages.iterator();
  }

  /** Starts a watch that misses no change after the list; empty until the first page has come. */
  public String resumeToken() {
    return resumeToken;
  }
}
