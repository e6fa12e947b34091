package io.tenterhook;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.springframework.core.MethodParameter;
import org.springframework.web.bind.support.WebDataBinderFactory;
import org.springframework.web.context.request.NativeWebRequest;
import org.springframework.web.context.request.RequestAttributes;
import org.springframework.web.method.HandlerMethod;
import org.springframework.web.method.support.HandlerMethodArgumentResolver;
import org.springframework.web.method.support.ModelAndViewContainer;
import org.springframework.web.servlet.HandlerInterceptor;
import org.springframework.web.servlet.ModelAndView;
import org.springframework.web.servlet.config.annotation.InterceptorRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;

/**
 * Gives the methods of Spring MVC's controllers their {@link WebhookEvent}: as a bean, {@code new SpringWebhooks(secret)},
 * it looks after each method with such a parameter. The request is verified before the method is called: one that must not
 * be trusted is answered with 401, too large a body with 413, and with 500 where the receiver is misconfigured, which is
 * logged. An event that was handled is answered with 204 without a call; one whose method threw comes again.
 *
 * <p>The body is read before the method: it is in {@link WebhookEvent#raw}, and no {@code @RequestBody}. It needs
 * spring-webmvc 6 or newer, which the application has.
 */
public final class SpringWebhooks implements WebMvcConfigurer, HandlerInterceptor, HandlerMethodArgumentResolver {
  private static final String EVENT = SpringWebhooks.class.getName() + ".event";
  private static final String DONE = SpringWebhooks.class.getName() + ".done";

  private final Receiver receiver;

  /** With the defaults; {@code secrets} are all that are live while keys are rotated. */
  public SpringWebhooks(String... secrets) {
    this(new Receiver(event -> {}, secrets));
  }

  /** With the verifier, the secrets, the bound and the {@link Seen} of this receiver; its handler is not called. */
  public SpringWebhooks(Receiver receiver) {
    this.receiver = receiver;
  }

  @Override
  public void addInterceptors(InterceptorRegistry registry) {
    registry.addInterceptor(this);
  }

  @Override
  public void addArgumentResolvers(List<HandlerMethodArgumentResolver> resolvers) {
    resolvers.add(this);
  }

  @Override
  public boolean preHandle(HttpServletRequest request, HttpServletResponse response, Object handler)
      throws IOException {
    boolean ours = handler instanceof HandlerMethod method
        && Stream.of(method.getMethodParameters()).anyMatch(this::supportsParameter);
    // A method that answers later is looked after once.
    if (!ours || request.getAttribute(EVENT) != null) {
      return true;
    }
    Receiver.Decision decision = receiver.decide(request::getHeader, request.getInputStream());
    if (decision.event() == null) {
      response.setStatus(decision.status());
      return false;
    }
    request.setAttribute(EVENT, decision.event());
    return true;
  }

  @Override
  public void postHandle(
      HttpServletRequest request, HttpServletResponse response, Object handler, ModelAndView view) {
    // Not called when the method threw, also where something turns that into a response.
    request.setAttribute(DONE, true);
  }

  @Override
  public void afterCompletion(
      HttpServletRequest request, HttpServletResponse response, Object handler, Exception thrown) {
    boolean done = thrown == null && request.getAttribute(DONE) != null && response.getStatus() < 300;
    if (done && request.getAttribute(EVENT) instanceof WebhookEvent event) {
      receiver.handled(event);
    }
  }

  @Override
  public boolean supportsParameter(MethodParameter parameter) {
    return parameter.getParameterType() == WebhookEvent.class;
  }

  @Override
  public Object resolveArgument(
      MethodParameter parameter,
      ModelAndViewContainer container,
      NativeWebRequest request,
      WebDataBinderFactory binders) {
    return request.getAttribute(EVENT, RequestAttributes.SCOPE_REQUEST);
  }
}
