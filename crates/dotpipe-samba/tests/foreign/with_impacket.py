"""The client of the package `impacket`."""

from impacket.smb3 import SessionError as ServerError
from impacket.smb3structs import FSCTL_PIPE_TRANSCEIVE, SMB2_0_IOCTL_IS_FSCTL, SMB2Ioctl_Response
from impacket.smbconnection import SessionError, SMBConnection

import driver


def told(call, *arguments, **keywords):
    """Calls, and turns what the server says into the driver's exception."""
    try:
        return call(*arguments, **keywords)
    except SessionError as error:
        raise driver.Status(error.getErrorCode()) from None
    except ServerError as error:
        code, data = error.get_error_code(), b""
        if code == driver.BUFFER_OVERFLOW:
            data = SMB2Ioctl_Response(error.get_error_packet()["Data"])["Buffer"]
        raise driver.Status(code, data) from None


class Client:
    def __init__(self, port, user, password):
        # It encrypts whatever can be encrypted.
        self.connection = SMBConnection("127.0.0.1", "127.0.0.1", sess_port=port, timeout=30)
        told(self.connection.login, user, password)
        self.tree = told(self.connection.connectTree, "IPC$")

    def open(self, name):
        return Pipe(self.connection, self.tree, name)

    def halve_socket(self, half_socket):
        session = self.connection.getSMBServer()._NetBIOSSession
        session._sock = half_socket(session._sock)


class Pipe:
    def __init__(self, connection, tree, name):
        self.connection = connection
        self.tree = tree
        # It names pipes as Windows does, with a backslash in front.
        self.handle = told(connection.openFile, tree, "\\" + name)

    def read(self, length):
        return told(self.connection.readNamedPipe, self.tree, self.handle, length)

    def write(self, data):
        return told(self.connection.writeNamedPipe, self.tree, self.handle, data)

    def transact(self, data, length):
        return told(
            self.connection.getSMBServer().ioctl,
            self.tree,
            self.handle,
            FSCTL_PIPE_TRANSCEIVE,
            SMB2_0_IOCTL_IS_FSCTL,
            data,
            maxInputResponse=0,
            maxOutputResponse=length,
        )

    def close(self):
        told(self.connection.closeFile, self.tree, self.handle)


driver.drive(Client)
