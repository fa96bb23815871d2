"""The client of the package `smbprotocol`."""

import uuid

from smbprotocol.connection import Connection
from smbprotocol.exceptions import SMBResponseException
from smbprotocol.ioctl import CtlCode, IOCTLFlags, SMB2IOCTLRequest, SMB2IOCTLResponse
from smbprotocol.open import CreateDisposition, FilePipePrinterAccessMask, ImpersonationLevel, Open, ShareAccess
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

import driver


def told(call, *arguments, **keywords):
    """Calls, and turns what the server says into the driver's exception."""
    try:
        return call(*arguments, **keywords)
    except SMBResponseException as error:
        data = b""
        if error.status == driver.BUFFER_OVERFLOW:
            response = SMB2IOCTLResponse()
            response.unpack(error.header["data"].get_value())
            data = response["buffer"].get_value()
        raise driver.Status(error.status, data) from None


class Client:
    def __init__(self, port, user, password):
        self.connection = Connection(uuid.uuid4(), "127.0.0.1", port)
        self.connection.connect(timeout=30)
        # Encryption is left to the server, so that it can be seen that it demands it.
        session = Session(self.connection, user, password, require_encryption=False, auth_protocol="ntlm")
        told(session.connect)
        self.tree = TreeConnect(session, r"\\127.0.0.1\IPC$")
        told(self.tree.connect, require_secure_negotiate=False)

    def open(self, name):
        return Pipe(self.tree, name)

    def halve_socket(self, half_socket):
        transport = self.connection.transport
        transport._sock = half_socket(transport._sock)


class Pipe:
    def __init__(self, tree, name):
        self.tree = tree
        self.handle = Open(tree, name)
        access = FilePipePrinterAccessMask.GENERIC_READ | FilePipePrinterAccessMask.GENERIC_WRITE
        share = ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE
        level = ImpersonationLevel.Impersonation
        told(self.handle.create, level, access, 0, share, CreateDisposition.FILE_OPEN, 0)

    def read(self, length):
        return told(self.handle.read, 0, length)

    def write(self, data):
        return told(self.handle.write, data)

    def transact(self, data, length):
        request = SMB2IOCTLRequest()
        request["ctl_code"] = CtlCode.FSCTL_PIPE_TRANSCEIVE
        request["file_id"] = self.handle.file_id
        request["max_output_response"] = length
        request["flags"] = IOCTLFlags.SMB2_0_IOCTL_IS_FSCTL
        request["buffer"] = data
        session = self.tree.session
        sent = session.connection.send(request, session.session_id, self.tree.tree_connect_id)
        answer = told(session.connection.receive, sent)
        response = SMB2IOCTLResponse()
        response.unpack(answer["data"].get_value())
        return response["buffer"].get_value()

    def close(self):
        told(self.handle.close)


driver.drive(Client)
