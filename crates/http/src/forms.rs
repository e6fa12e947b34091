//! The form in which a request is answered, for statuses that come from elsewhere than the routes.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, Version};
use http_body::Frame;
use tenterhook_api::is_grpc;
use tonic::Status;
use tonic::body::Body;

use crate::grpc_web;
use crate::problem::Problem;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// gRPC: a status is in the trailers.
    Grpc,
    /// gRPC-Web: a status is the last frame of the body.
    GrpcWeb,
    /// Plain HTTP.
    Plain,
}

impl Form {
    /// The form in which `request` is answered.
    pub fn of<B>(request: &Request<B>) -> Self {
        if request.version() >= Version::HTTP_2 && is_grpc(request.headers()) {
            Self::Grpc
        } else if grpc_web::is_grpc_web(request.headers()) {
            Self::GrpcWeb
        } else {
            Self::Plain
        }
    }

    /// The response that is `status` alone.
    pub fn response(self, status: &Status) -> Response<Body> {
        match self {
            Self::Grpc => status.clone().into_http(),
            Self::GrpcWeb => grpc_web::answer(status.clone().into_http()),
            Self::Plain => Problem::of(status).response(),
        }
    }

    /// The frame that ends an answer with `status` before its own end; `None` for plain HTTP, which can only break.
    pub fn last_frame(self, status: Status) -> Option<Frame<Bytes>> {
        let mut trailers = status.into_http::<()>().into_parts().0.headers;
        trailers.remove(CONTENT_TYPE);
        match self {
            Self::Grpc => Some(Frame::trailers(trailers)),
            Self::GrpcWeb => Some(Frame::data(grpc_web::in_band(&trailers))),
            Self::Plain => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn request(version: Version, content_type: &str) -> Request<()> {
        Request::post("/").version(version).header(CONTENT_TYPE, content_type).body(()).unwrap()
    }

    #[test]
    fn each_request_is_answered_in_its_own_form() {
        for (version, content_type, form) in [
            (Version::HTTP_2, "application/grpc", Form::Grpc),
            (Version::HTTP_2, "application/grpc+proto", Form::Grpc),
            (Version::HTTP_11, "application/grpc", Form::Plain),
            (Version::HTTP_11, "application/grpc-web+proto", Form::GrpcWeb),
            (Version::HTTP_2, "application/grpc-web", Form::GrpcWeb),
            (Version::HTTP_2, "Application/gRPC", Form::Grpc),
            (Version::HTTP_2, "application/json", Form::Plain),
        ] {
            assert_eq!(Form::of(&request(version, content_type)), form, "{content_type}");
        }
    }

    #[test]
    fn a_status_stands_where_the_form_has_it() {
        let status = Status::unavailable("gone");
        let response = Form::Grpc.response(&status);
        assert_eq!(response.headers()["grpc-status"], "14");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(Form::GrpcWeb.response(&status).headers()[CONTENT_TYPE], "application/grpc-web+proto");
        assert_eq!(Form::Plain.response(&status).status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn an_answer_ends_with_a_status_where_the_form_allows_it() {
        let frame = |form: Form| form.last_frame(Status::unavailable("gone"));
        let trailers = frame(Form::Grpc).unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "14");
        assert!(!trailers.contains_key(CONTENT_TYPE));
        let data = frame(Form::GrpcWeb).unwrap().into_data().unwrap();
        assert!(data.starts_with(&[0x80]) && data.windows(15).any(|part| part == b"grpc-status: 14"));
        assert!(frame(Form::Plain).is_none());
    }
}
