//! One open pipe on a server: single requests and their answers.
//!
//! It has no queue and no rule of reading or
//! writing: bytes go in, a status becomes a code, bytes come out. Nothing is retried: an answer that is
//! missed may have been data.

use std::sync::Arc;
use std::time::Duration;

use smb2::client::connection::Frame;
use smb2::msg::close::CloseRequest;
use smb2::msg::create::{
    CreateDisposition, CreateRequest, CreateResponse, ImpersonationLevel, ShareAccess,
};
use smb2::msg::flush::FlushRequest;
use smb2::msg::ioctl::{FSCTL_PIPE_TRANSCEIVE, IoctlRequest, IoctlResponse, SMB2_0_IOCTL_IS_FSCTL};
use smb2::msg::query_info::{InfoType, QueryInfoRequest, QueryInfoResponse};
use smb2::msg::read::{ReadRequest, ReadResponse};
use smb2::msg::set_info::SetInfoRequest;
use smb2::msg::write::{WriteRequest, WriteResponse};
use smb2::pack::{Pack, ReadCursor, Unpack};
use smb2::types::flags::FileAccessMask;
use smb2::types::status::NtStatus;
use smb2::types::{Command, CreditCharge, FileId, OplockLevel};
use tokio::time::timeout;

use super::information::{self, LocalInformation};
use super::runtime;
use super::session::Session;
use super::status::{Step, code, code_of, ends_the_session};
use crate::exact::Result;
use crate::options::{DesiredAccess, PipeMode};
use crate::win32::Win32Error;

/// How much is asked for at once. Less would leave the rest of a message to be told apart from the next
/// one, which Samba does not do.
const PORTION: u32 = 65536;
/// What one credit pays for, in bytes.
const PER_CREDIT: usize = 65536;
/// FSCTL_PIPE_WAIT.
const FSCTL_PIPE_WAIT: u32 = 0x0011_0018;
/// FILE_SHARE_READ, FILE_SHARE_WRITE and FILE_SHARE_DELETE.
const SHARE_ALL: u32 = 7;
/// STATUS_BUFFER_OVERFLOW: there is more of this message.
const BUFFER_OVERFLOW: NtStatus = NtStatus(0x8000_0005);

/// What one request brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Portion {
    pub(super) data: Vec<u8>,
    /// The message goes on.
    pub(super) more: bool,
}

/// An open pipe.
pub(super) struct Handle {
    pub(super) session: Arc<Session>,
    file: FileId,
    /// How long the server may take for what it answers without waiting for anybody.
    limit: Duration,
}

impl Handle {
    /// Opens a pipe by its name alone. When the server takes too long, what it opens in the end is closed.
    pub(super) async fn open(
        session: Arc<Session>,
        name: &str,
        access: DesiredAccess,
        limit: Duration,
    ) -> Result<Handle> {
        let request = CreateRequest {
            requested_oplock_level: OplockLevel::None,
            impersonation_level: ImpersonationLevel::Impersonation,
            desired_access: access_mask(access),
            file_attributes: 0,
            share_access: ShareAccess(SHARE_ALL),
            create_disposition: CreateDisposition::FileOpen,
            create_options: 0,
            name: name.to_owned(),
            create_contexts: Vec::new(),
        };
        let (sender, opened) = tokio::sync::oneshot::channel();
        runtime::spawn(async move {
            let result = session.create(request, limit).await;
            if let Err(Ok(late)) = sender.send(result) {
                late.close().await;
            }
        })?;
        match timeout(limit, opened).await {
            Ok(Ok(result)) => result,
            _ => Err(Win32Error::SEM_TIMEOUT),
        }
    }

    /// Receives a message, or its first part, or bytes.
    pub(super) async fn read(&self) -> Result<Portion> {
        let request = ReadRequest {
            padding: 0x50,
            flags: 0,
            length: PORTION,
            offset: 0,
            file_id: self.file,
            minimum_count: 0,
            channel: 0,
            remaining_bytes: 0,
            read_channel_info: Vec::new(),
        };
        let frame = self.ask(Command::Read, &request, 1, Step::Read).await?;
        let response: ReadResponse = unpack(&frame)?;
        Ok(Portion {
            data: response.data,
            more: frame.header.status == BUFFER_OVERFLOW,
        })
    }

    /// Sends; gives how much of it the server took.
    pub(super) async fn write(&self, data: Vec<u8>) -> Result<usize> {
        let len = data.len();
        let request = WriteRequest {
            data_offset: 0x70,
            offset: 0,
            file_id: self.file,
            channel: 0,
            remaining_bytes: 0,
            write_channel_info_offset: 0,
            write_channel_info_length: 0,
            flags: 0,
            data,
        };
        let frame = self.ask(Command::Write, &request, len, Step::Write).await?;
        let response: WriteResponse = unpack(&frame)?;
        // More than there was is a lie.
        Ok(len.min(response.count as usize))
    }

    /// Sends a message and receives the first part of the reply, as one.
    pub(super) async fn transceive(&self, question: Vec<u8>) -> Result<Portion> {
        let len = question.len().max(PORTION as usize);
        let request = self.control(FSCTL_PIPE_TRANSCEIVE, question, PORTION);
        let frame = self.ask(Command::Ioctl, &request, len, Step::Write).await;
        // What ended while it waited for the reply is no failed write.
        let frame = frame.map_err(|code| match code {
            Win32Error::NO_DATA => Win32Error::BROKEN_PIPE,
            code => code,
        })?;
        let response: IoctlResponse = unpack(&frame)?;
        Ok(Portion {
            data: response.output_data,
            more: frame.header.status == BUFFER_OVERFLOW,
        })
    }

    /// Waits until the other end has read everything.
    pub(super) async fn flush(&self) -> Result<()> {
        let request = FlushRequest { file_id: self.file };
        self.ask(Command::Flush, &request, 1, Step::Other).await?;
        Ok(())
    }

    /// What the server tells of the pipe.
    pub(super) async fn information(&self) -> Result<LocalInformation> {
        let request = QueryInfoRequest {
            info_type: InfoType::File,
            file_info_class: information::LOCAL_INFORMATION,
            output_buffer_length: information::LOCAL_INFORMATION_LEN as u32,
            additional_information: 0,
            flags: 0,
            file_id: self.file,
            input_buffer: Vec::new(),
        };
        let answer = self.ask(Command::QueryInfo, &request, 1, Step::Other);
        let response: QueryInfoResponse = unpack(&self.in_time(answer).await?)?;
        information::decode(&response.output_buffer).ok_or(Win32Error::GEN_FAILURE)
    }

    /// Has the server's side of this end read in another mode.
    pub(super) async fn set_read_mode(&self, read_mode: PipeMode) -> Result<()> {
        let request = SetInfoRequest {
            info_type: InfoType::File,
            file_info_class: information::PIPE_INFORMATION,
            additional_information: 0,
            file_id: self.file,
            buffer: information::encode_modes(read_mode),
        };
        let answer = self.ask(Command::SetInfo, &request, 1, Step::Other);
        self.in_time(answer).await?;
        Ok(())
    }

    /// Closes the pipe. Not longer than the limit: a server that hangs closes it with the connection.
    pub(super) async fn close(&self) {
        let request = CloseRequest {
            flags: 0,
            file_id: self.file,
        };
        let _ = self
            .in_time(self.ask(Command::Close, &request, 1, Step::Other))
            .await;
    }

    fn control(&self, code: u32, input: Vec<u8>, output: u32) -> IoctlRequest {
        IoctlRequest {
            ctl_code: code,
            file_id: self.file,
            max_input_response: 0,
            max_output_response: output,
            flags: SMB2_0_IOCTL_IS_FSCTL,
            input_data: input,
        }
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        match timeout(self.limit, answer).await {
            Ok(result) => result,
            Err(_) => Err(Win32Error::SEM_TIMEOUT),
        }
    }

    async fn ask(
        &self,
        command: Command,
        request: &(dyn Pack + Sync),
        payload: usize,
        step: Step,
    ) -> Result<Frame> {
        self.session.ask(command, request, payload, step).await
    }
}

impl Session {
    async fn create(self: Arc<Self>, request: CreateRequest, limit: Duration) -> Result<Handle> {
        let frame = self.ask(Command::Create, &request, 1, Step::Open).await?;
        let response: CreateResponse = unpack(&frame)?;
        Ok(Handle {
            session: self,
            file: response.file_id,
            limit,
        })
    }

    /// Asks the server to wait until an instance of a pipe listens. Samba before 4.25 cannot.
    pub(super) async fn wait(&self, name: &str, limit: Option<Duration>) -> Result<()> {
        let request = IoctlRequest {
            ctl_code: FSCTL_PIPE_WAIT,
            file_id: FileId::SENTINEL,
            max_input_response: 0,
            max_output_response: 0,
            flags: SMB2_0_IOCTL_IS_FSCTL,
            input_data: wait_buffer(name, limit),
        };
        self.ask(Command::Ioctl, &request, 1, Step::Other).await?;
        Ok(())
    }

    /// One request and its answer, with as many credits as its payload costs.
    async fn ask(
        &self,
        command: Command,
        request: &(dyn Pack + Sync),
        payload: usize,
        step: Step,
    ) -> Result<Frame> {
        let credits = payload.div_ceil(PER_CREDIT).max(1);
        let credits = u16::try_from(credits).map_err(|_| Win32Error::INVALID_PARAMETER)?;
        let frame = self
            .connection
            .execute_with_credits(command, request, Some(self.tree), CreditCharge(credits))
            .await
            .map_err(|error| code_of(&error, step))?;
        let status = frame.header.status;
        if ends_the_session(status) {
            // Nobody is to be given this session any more.
            self.connection.mark_dead();
        }
        match status == NtStatus::SUCCESS || status == BUFFER_OVERFLOW {
            true => Ok(frame),
            false => Err(code(status, step)),
        }
    }
}

/// The body of an answer. One that cannot be read is no SMB.
fn unpack<T: Unpack>(frame: &Frame) -> Result<T> {
    T::unpack(&mut ReadCursor::new(&frame.body)).map_err(|_| Win32Error::GEN_FAILURE)
}

/// The rights that a client asks the server for.
fn access_mask(access: DesiredAccess) -> FileAccessMask {
    let mut mask = FileAccessMask::SYNCHRONIZE | FileAccessMask::FILE_READ_ATTRIBUTES;
    if access.contains(DesiredAccess::READ) {
        mask |= FileAccessMask::FILE_READ_DATA;
    }
    if access.contains(DesiredAccess::WRITE) {
        mask |= FileAccessMask::FILE_WRITE_DATA | FileAccessMask::FILE_WRITE_ATTRIBUTES;
    }
    if access.contains(DesiredAccess::WRITE_ATTRIBUTES) {
        mask |= FileAccessMask::FILE_WRITE_ATTRIBUTES;
    }
    FileAccessMask::new(mask)
}

/// `FILE_PIPE_WAIT_FOR_BUFFER`: a time-out in units of 100 ns, the length of the name, whether the
/// time-out counts, the name. Without limit the time-out of the pipe is meant.
fn wait_buffer(name: &str, limit: Option<Duration>) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let ticks = limit.map_or(0, |limit| limit.as_nanos() / 100);
    let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
    let mut bytes = Vec::new();
    // A time that is meant from now on is negative.
    bytes.extend((-ticks).to_le_bytes());
    bytes.extend((name.len() as u32).to_le_bytes());
    bytes.push(u8::from(limit.is_some()));
    bytes.push(0);
    bytes.extend(name);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_to_wait_is_laid_out_as_documented() {
        let bytes = wait_buffer("ab", Some(Duration::from_millis(1)));
        let expected = [
            &(-10_000i64).to_le_bytes()[..],
            &4u32.to_le_bytes(),
            &[1, 0],
            b"a\0b\0",
        ]
        .concat();
        assert_eq!(bytes, expected);
        assert_eq!(
            wait_buffer("ab", None)[..14],
            [0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn rights_are_asked_for_one_by_one() {
        let bits = |access| access_mask(access).bits();
        assert_eq!(bits(DesiredAccess::empty()), 0x0010_0080);
        assert_eq!(bits(DesiredAccess::READ), 0x0010_0081);
        assert_eq!(bits(DesiredAccess::WRITE), 0x0010_0182);
    }
}
